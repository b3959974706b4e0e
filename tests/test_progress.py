"""scikit-learn's callbacks hear of every epoch, may end training, and change nothing else."""
import importlib.util
import re
import sys
import warnings

import numpy as np
import pytest
import sklearn
from data import HEADS, data, still
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner
from sklearn_heads._sklearn import callbacks

since_1_9 = pytest.mark.skipif(not importlib.util.find_spec("sklearn.callback"), reason="callbacks came with scikit-learn 1.9")
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 0, "learning_rate_init": 0.05, "dtype": "float64"}


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


class Recorder:
    """Writes down what it hears, and asks to stop where `wanted` says so of a context."""

    def __init__(self, wanted=lambda context: False):
        self.wanted, self.log = wanted, []

    def hear(self, event, context, **more):
        path, at = [], context
        while at is not None:
            path, at = [at.task_id, *path], at.parent
        self.log.append({"event": event, "task": context.task_name, "path": tuple(path), **more})

    def setup(self, estimator, context):
        self.hear("setup", context)

    def teardown(self, estimator, context):
        self.hear("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        self.hear("begin", context)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.hear("end", context, X=X, y=y, metadata=metadata, fitted=fitted_estimator)
        return self.wanted(context)

    def ends(self, task):
        return [entry for entry in self.log if entry["event"] == "end" and entry["task"] == task]


class Propagated(Recorder):
    max_propagation_depth = None


def after(n_epochs):
    return Recorder(lambda context: context.task_name in {"epoch", "iteration"} and context.task_id + 1 >= n_epochs)


# ---- what is heard ------------------------------------------------------------------------------------------------------


@since_1_9
@pytest.mark.parametrize("options", [{"n_members": 1}, {"n_members": 3}, {"n_members": 3, "n_jobs": 2}], ids=str)
def test_every_epoch_is_a_task_and_the_bits_stay_the_same(name, options):
    X, y = data(name, 120)
    heard = Recorder()
    clf = HEADS[name](**SMALL, **options).set_callbacks(heard).fit(X, y)
    np.testing.assert_array_equal(HEADS[name](**SMALL, **options).fit(X, y).predict_proba(X), clf.predict_proba(X))
    several = len(clf.members_) > 1
    parents = [(0, m) for m in range(len(clf.members_))] if several else [(0,)]
    epochs = [(*parent, e) for parent, member in zip(parents, clf.members_) for e in range(member.n_iter_)]
    assert sorted(entry["path"] for entry in heard.ends("epoch")) == epochs
    assert sorted(entry["path"] for entry in heard.ends("member")) == (parents if several else [])
    assert [entry["event"] for entry in heard.log[:2]] == ["setup", "begin"]
    assert [entry["event"] for entry in heard.log[-2:]] == ["end", "teardown"]
    under_way = []
    for event, path in ((entry["event"], entry["path"]) for entry in heard.log):
        if event == "begin":
            assert path[:-1] == () or path[:-1] in under_way
            under_way.append(path)
        elif event == "end":
            assert not [other for other in under_way if len(other) > len(path) and other[: len(path)] == path]
            under_way.remove(path)
    assert under_way == []


def nats(estimator, X, y):
    p = estimator.predict_proba(X)
    if y.ndim == 2:
        return sum(log_loss(y[:, j], p[:, j]) for j in range(y.shape[1]))
    return log_loss(y, p)


@since_1_9
@pytest.mark.parametrize("task", ["binary-softmax", "multiclass-softmax", "multilabel"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_the_estimator_of_an_epoch_is_its_network_then(task, n_members):
    X, y = data(task, 160)
    heard = Recorder()
    clf = HEADS[task](**SMALL, n_members=n_members).set_callbacks(heard)
    clf.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    for entry in heard.ends("epoch"):
        member = clf.members_[entry["path"][1] if n_members > 1 else 0]
        expected = member.validation_loss_curve_[entry["path"][-1]]
        assert nats(entry["fitted"], X[100:], y[100:]) == pytest.approx(expected, rel=1e-9)
    for entry in heard.ends("member"):
        best = min(clf.members_[entry["path"][1]].validation_loss_curve_)
        assert nats(entry["fitted"], X[100:], y[100:]) == pytest.approx(best, rel=1e-9)
    (end,) = heard.ends("fit")
    np.testing.assert_array_equal(end["fitted"].predict_proba(X), clf.predict_proba(X))


@since_1_9
def test_a_task_is_told_its_rows():
    X, y = data("multiclass", 90)
    weights = np.arange(90.0)
    heard = Recorder()
    clf = MLPMulticlass(**SMALL, n_members=3, store_oof=True).set_callbacks(heard).fit(X, y, sample_weight=weights)
    of_members = [entry["metadata"]["sample_weight"] for entry in heard.ends("member")]
    assert sorted(np.concatenate(of_members)) == sorted([*range(1, 90)] * 2), "each row trains all members but one"
    for entry in heard.ends("member") + heard.ends("epoch") + heard.ends("fit"):
        rows = entry["metadata"]["sample_weight"].astype(int)
        np.testing.assert_array_equal(entry["X"], X[rows])
        np.testing.assert_array_equal(entry["y"], y[rows])
    assert heard.ends("fit")[0]["fitted"].oof_proba_ is clf.oof_proba_


@since_1_9
def test_lbfgs_has_iterations():
    X, y = data("binary", 90)
    heard = Recorder()
    clf = still("binary-sigmoid", solver="lbfgs", max_iter=4).set_callbacks(heard)
    with pytest.warns(match="max_iter=4"):
        clf.fit(X, y)
    assert [entry["path"] for entry in heard.ends("iteration")] == [(0, i) for i in range(4)]
    np.testing.assert_array_equal(heard.ends("iteration")[-1]["fitted"].predict_proba(X), clf.predict_proba(X))


# ---- stopping -----------------------------------------------------------------------------------------------------------


@since_1_9
@pytest.mark.parametrize("options", [{"n_members": 1}, {"n_members": 3}, {"n_members": 1, "early_stopping": False}], ids=str)
def test_a_callback_ends_training_as_max_iter_would_without_its_warning(name, options):
    X, y = data(name, 120)
    clf = HEADS[name](**SMALL, **options).set_callbacks(after(3)).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = HEADS[name](**{**SMALL, "max_iter": 3}, **options).fit(X, y)
    assert [member.n_iter_ for member in clf.members_] == [3] * len(clf.members_)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


@since_1_9
def test_the_best_epoch_is_kept_when_a_callback_stops():
    X, y = data("binary", 160)
    options = {**SMALL, "learning_rate": "constant", "learning_rate_init": 0.5, "max_iter": 100, "n_members": 1}
    clf = MLPBinary(**options).set_callbacks(after(30))
    clf.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    assert clf.best_iter_ < clf.n_iter_ <= 30
    assert nats(clf, X[80:], y[80:]) == pytest.approx(min(clf.validation_loss_curve_), rel=1e-9)


@since_1_9
def test_lbfgs_stops_too():
    X, y = data("binary", 90)
    clf = still("binary-sigmoid", solver="lbfgs", max_iter=50).set_callbacks(after(2)).fit(X, y)
    assert clf.n_iter_ == len(clf.loss_curve_) == 2


@since_1_9
def test_after_a_member_a_callback_may_ask_for_no_more():
    X, y = data("binary", 120)
    enough = Recorder(lambda context: context.task_name == "member" and context.task_id == 1)
    clf = MLPBinary(**SMALL, n_members=4).set_callbacks(enough).fit(X, y)
    everybody = MLPBinary(**SMALL, n_members=4).fit(X, y)
    assert [m.loss_curve_ for m in clf.members_] == [m.loss_curve_ for m in everybody.members_[:2]]


# ---- elsewhere ----------------------------------------------------------------------------------------------------------


@since_1_9
def test_callbacks_stop_and_hear_through_grid_search():
    X, y = data("binary", 120)
    stops, heard = after(2), Propagated()
    estimator = MLPBinary(**SMALL, n_members=1).set_callbacks(stops)
    search = GridSearchCV(estimator, {"head": ["sigmoid", "softmax"]}, cv=2).set_callbacks(heard).fit(X, y)
    assert search.best_estimator_.n_iter_ == 2
    assert len(stops.ends("epoch")) == len(heard.ends("epoch")) == 2 * (2 * 2 + 1)
    assert {entry["path"][:-1] for entry in heard.ends("epoch")} == {(0, 0, i) for i in range(4)} | {(0, 1)}


@since_1_9
def test_a_scoring_monitor_has_a_score_an_epoch_across_processes():
    monitor = sklearn.callback.ScoringMonitor(scoring="neg_log_loss")
    X, y = data("binary", 120)
    estimator = MLPBinary(**SMALL, n_members=2).set_callbacks(monitor)
    search = GridSearchCV(estimator, {"alpha": [0, 1]}, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    scores = [row["neg_log_loss"] for run in monitor.get_logs("all") for row in run.data if row["task_name"] == "fit"]
    assert len(scores) == 5
    assert min(abs(score + nats(search.best_estimator_, X, y)) for score in scores) < 1e-9


@since_1_9
def test_the_progress_bar_counts_members_and_epochs(capsys):
    pytest.importorskip("rich", reason="the bar is drawn by rich: the extra `test` has it")
    X, y = data("binary", 120)
    MLPBinary(**SMALL, n_members=2).set_callbacks(sklearn.callback.ProgressBar()).fit(X, y)
    printed = capsys.readouterr().out
    for task in ("MLPBinary - fit", "MLPBinary - member #0", "MLPBinary - member #1"):
        assert re.search(rf"{task}.*100%", printed), printed


@since_1_9
def test_a_failing_callback_loses_nothing_and_is_torn_down():
    def fails(context):
        if context.task_name == "epoch" and context.task_id == 2:
            raise RuntimeError("no more")

    X, y = data("binary", 120)
    clf = MLPBinary(**SMALL, n_members=3, n_jobs=2).fit(X, y)
    before, heard = vars(clf).copy(), Recorder(fails)
    with pytest.raises(RuntimeError, match="no more"):
        clf.set_callbacks(heard).fit(X, y)
    assert heard.log[-1]["event"] == "teardown"
    assert {**before, "_skl_callbacks": [heard]} == vars(clf)


@since_1_9
def test_fit_leaves_no_task_behind_and_clones_keep_the_callbacks():
    X, y = data("binary", 60)
    heard = Recorder()
    clf = MLPBinary(**SMALL).set_callbacks(heard)
    plain = vars(clone(clf).set_callbacks().fit(X, y)).keys()
    assert vars(clf.fit(X, y)).keys() - plain == {"_skl_callbacks"}
    n = len(heard.log)
    clone(clf).fit(X, y)
    assert len(heard.log) == 2 * n
    clf.partial_fit(X, y)
    assert len(heard.log) == 2 * n, "callbacks are about fit"


@since_1_9
@pytest.mark.parametrize(("options", "fits"), [
    ({"cv": 3}, ["fit-all-rows", "fit-fold", "fit-fold", "fit-fold"]),
    ({"cv": 3, "n_jobs": 2}, ["fit-all-rows", "fit-fold", "fit-fold", "fit-fold"]),
    ({"cv": "oof"}, ["fit-all-rows"]),
    ({"cv": 0.3, "refit": False}, ["fit-part"]),
], ids=str)
def test_a_tuner_tells_of_its_fits_and_those_of_their_epochs(options, fits):
    X, y = data("binary", 120)
    monitor = sklearn.callback.ScoringMonitor(scoring="accuracy")
    heard, inner = Propagated(), MLPBinary(**SMALL, n_members=2)
    tuner = ThresholdTuner(inner, **options, random_state=0).set_callbacks(heard).fit(X, y)
    if "n_jobs" not in options:  # the recorder's notes stay in the processes they were taken in
        assert {entry["path"][1] for entry in heard.ends("epoch")} == set(range(len(fits)))
    assert heard.ends("fit")[-1]["path"] == (0,)
    assert heard.ends("fit")[-1]["fitted"].best_threshold_ == tuner.best_threshold_
    clf = clone(tuner).set_callbacks(monitor).set_params(estimator=clone(inner).set_callbacks(monitor)).fit(X, y)
    assert clf.best_threshold_ == ThresholdTuner(inner, **options, random_state=0).fit(X, y).best_threshold_
    of_fits = [row for row in monitor.get_logs().data if row["estimator_name"] == "MLPBinary" and len(row["task_id_path"]) == 2]
    assert [row["task_id"] for row in of_fits] == list(range(len(fits)))


@since_1_9
def test_a_tuner_of_any_classifier_and_of_a_fitted_one():
    X, y = data("binary", 120)
    for tuner in (ThresholdTuner(GaussianNB()), ThresholdTuner(GaussianNB().fit(X, y), cv="prefit", refit=False)):
        heard = Recorder()
        tuner.set_callbacks(heard).fit(X, y)
        names = [entry["task"] for entry in heard.log if entry["event"] == "end"]
        assert names == (["fit"] if tuner.cv else ["fit-all-rows", *["fit-fold"] * 5, "fit"])


def test_before_1_9_set_callbacks_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    monkeypatch.setattr(sklearn, "__version__", "1.6.1")
    spec = importlib.util.spec_from_file_location("older", callbacks.__file__)
    older = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(older)
    with pytest.raises(ImportError, match=r"needs scikit-learn 1\.9 or later, and this is 1\.6\.1"):
        older.CallbackSupportMixin().set_callbacks()
    assert older.with_callbacks(len) is len


@since_1_9
def test_a_hook_sees_what_is_not_known_as_nan():
    X, y = data("multilabel", 60)
    gaps = np.where(np.arange(60)[:, None] % 7 == [0, 1, 2], np.nan, y)
    recorder = Recorder()
    MLPMultiLabel(**SMALL, n_members=1).set_callbacks(recorder).fit(X, gaps)
    np.testing.assert_array_equal(recorder.ends("fit")[0]["y"], gaps)

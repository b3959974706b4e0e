"""What "auto" means, by the number of rows; explicit values are obeyed; the race that size alone cannot decide."""
from types import SimpleNamespace

import numpy as np
import pytest
from data import HEADS, data

from sklearn_heads import MLPBinary, MLPMulticlass
from sklearn_heads._mlp import ensemble, recipe
from sklearn_heads._mlp.bins import Bins
from sklearn_heads._mlp.recipe import FEW, FEW_ROWS, LEAST_FOLDS, SIZES, Size, learning_rate, resolve

ALL_AUTO = MLPBinary().get_params()
AUTO = [name for name, value in ALL_AUTO.items() if value == "auto"]
EXPLICIT = {
    "hidden_layer_sizes": (7, 3), "n_members": 4, "batch_size": 33, "learning_rate_init": 0.01, "learning_rate": "adaptive",
    "dropout": 0.3, "weight_decay": 0.7, "n_iter_no_change": 6, "max_iter": 12,
}


def few_sizes(rows_of_one, trial=None):
    """A table for tests: sizes that a small data set reaches."""
    race = (FEW, Bins("splits", 2, 8, 1024), Bins("steps", 1, 8, 1024))
    return (
        Size(60, ((5,),), (FEW,), None, 2, 16, 0.2, 0.1, "constant", 3, 6),
        Size(rows_of_one, ((5,), (4, 3)), race, None, 3, 16, 0.1, 0.1, "adaptive", 3, 8, trial),
        Size(np.inf, ((6, 6),), race, 10, 1, 32, 0.0, 0.0, "adaptive", 2, 4),
    )


def test_every_auto_is_decided_at_every_size():
    assert set(AUTO) == set(EXPLICIT)
    for n_rows in (2, FEW_ROWS - 1, FEW_ROWS, 499, 500, 9_999, 10_000, 99_999, 100_000, 10**9):
        decided = resolve(ALL_AUTO, n_rows).shown()
        assert "auto" not in [value for value in decided.values() if isinstance(value, str)]
        assert set(AUTO) <= set(decided)


@pytest.mark.parametrize("n_rows", [FEW_ROWS - 1, FEW_ROWS, 5_000, 50_000, 10**6])
def test_explicit_values_are_obeyed(n_rows):
    for name, value in EXPLICIT.items():
        decided = resolve({**ALL_AUTO, name: value}, n_rows).shown()
        assert decided[name] == value
    assert resolve({**ALL_AUTO, **EXPLICIT}, n_rows).shown() | EXPLICIT == resolve({**ALL_AUTO, **EXPLICIT}, n_rows).shown()


def test_out_of_fold_probabilities_get_folds_that_cover_all_rows():
    for size in SIZES:
        n_rows = 10**6 if size.below == np.inf else size.below - 1
        decided = resolve(ALL_AUTO, n_rows, whole_folds=True)
        assert decided.n_folds == decided.parameters["n_members"] >= LEAST_FOLDS


def test_wider_layers_take_smaller_steps():
    rates = [learning_rate(units) for units in [(), (5,), (128,), (192, 192), (200,), (256, 64), (64, 512)]]
    assert rates[:4] == [0.003] * 4
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 0.002 < 0.003


@pytest.mark.parametrize("name", HEADS)
def test_fits_of_every_size_predict_and_tell_what_was_chosen(name, monkeypatch):
    monkeypatch.setattr(recipe, "SIZES", few_sizes(150))
    for n_rows, n_members in [(FEW_ROWS - 1, 1), (50, 2), (120, 3), (200, 1)]:
        X, y = data(name, n_rows)
        clf = HEADS[name](random_state=0).fit(X, y)
        assert len(clf.members_) == clf.recipe_["n_members"] == n_members
        assert np.isfinite(clf.predict_proba(X)).all()
        assert clf.n_iter_ <= max(6, clf.recipe_["max_iter"])


def test_the_winner_of_the_race_has_the_least_validation_loss_and_the_others_are_made_like_it(monkeypatch):
    monkeypatch.setattr(recipe, "SIZES", few_sizes(1000))
    trained = []
    train = ensemble.train
    monkeypatch.setattr(ensemble, "train", lambda members, *a, **b: trained.append(members) or train(members, *a, **b))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = (np.abs(X[:, 0]) < 0.3).astype(int)
    clf = MLPBinary(random_state=0).fit(X, y)
    racers, rest = trained
    assert [racer.encoding.bins.by for racer in racers] == ["quantiles", "splits", "steps"]
    losses = [min(racer.validation_loss_curve_) for racer in racers]
    first, *others = clf.members_
    assert first is racers[np.argmin(losses)]
    assert others == rest
    assert {member.encoding.bins for member in clf.members_} == {first.encoding.bins}
    assert [member.network.layer_units[1:-1] for member in clf.members_] == [(5,), (4, 3), (5,)]


@pytest.mark.parametrize(("half_width", "winner"), [(0.1, "splits"), (None, "quantiles")])
def test_a_trial_is_short_and_only_a_clear_lead_counts(half_width, winner, monkeypatch):
    monkeypatch.setattr(recipe, "SIZES", few_sizes(1000, trial=1500))
    monkeypatch.setattr(recipe, "SIZES", [size._replace(bins=size.bins[:2]) for size in recipe.SIZES])
    trained = []
    train = ensemble.train
    monkeypatch.setattr(ensemble, "train", lambda members, *a, **b: trained.append(members) or train(members, *a, **b))
    rng = np.random.default_rng(0)
    X, noise = rng.normal(size=(900, 2)), rng.uniform(size=900)
    y = np.abs(X[:, 0]) < half_width if half_width else noise < 0.5 + 0.1 * np.tanh(X[:, 1])
    clf = MLPBinary(random_state=0, learning_rate_init=0.03).fit(X, y)
    racers, members = trained
    assert [racer.n_iter_ for racer in racers] == [2, 2]
    assert clf.members_ == members
    assert len(members) == clf.recipe_["n_members"] == 3
    assert max(member.n_iter_ for member in members) > 2
    assert {member.encoding.bins.by for member in members} == {winner}


def test_a_lead_is_clear_when_the_loss_is_less_than_a_share_of_the_first():
    def racer(*losses):
        return SimpleNamespace(validation_loss_curve_=list(losses))

    first, near, ahead, cut_short = racer(1.2, 1.0), racer(0.96, 1.3), racer(0.9), racer()
    assert ensemble.winner_of([first, near], 0.95) is first
    assert ensemble.winner_of([first, near], 1) is near
    assert ensemble.winner_of([first, near, ahead], 0.95) is ahead
    assert ensemble.winner_of([cut_short, near], 0.95) is near
    assert ensemble.winner_of([cut_short, cut_short], 1) is cut_short


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nothing_races_where_nothing_could_tell(monkeypatch):
    monkeypatch.setattr(recipe, "SIZES", few_sizes(1000))
    X, y = data("binary-sigmoid", 120)
    made, new_member = [], ensemble.new_member
    monkeypatch.setattr(ensemble, "new_member", lambda *a: made.append(new_member(*a)) or made[-1])
    for X_, options in [((X > 0).astype(float), {}), (X, {"input_encoding": "standard"}), (X, {"early_stopping": False})]:
        made.clear()
        MLPBinary(random_state=0, **options).fit(X_, y)
        assert len(made) == 3


def test_splits_know_nothing_of_the_rows_that_validate_them(monkeypatch):
    """The labels of a member's own fold are shuffled: its edges stay what they were."""
    splits_only = [size._replace(bins=(Bins("splits", 2, 8, 1024),)) for size in few_sizes(1000)]
    monkeypatch.setattr(recipe, "SIZES", splits_only)
    X, y = data("multiclass-softmax", 300)
    fold = np.arange(300) % 3
    monkeypatch.setattr(ensemble, "folds", lambda *a: fold)
    before = MLPMulticlass(random_state=0).fit(X, y)
    own = fold == 1
    y[own] = np.random.RandomState(1).permutation(y[own])
    after = MLPMulticlass(random_state=0).fit(X, y)
    for one, other in zip(before.members_[1].encoding.ramps_, after.members_[1].encoding.ramps_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(
        one.shape != other.shape or (one != other).any()
        for one, other in zip(before.members_[0].encoding.ramps_, after.members_[0].encoding.ramps_))


@pytest.mark.parametrize("trial", [None, 500])
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_bits_of_a_race_do_not_depend_on_n_jobs(n_jobs, trial, monkeypatch):
    monkeypatch.setattr(recipe, "SIZES", few_sizes(1000, trial))
    X, y = data("binary-sigmoid", 300)
    alone = MLPBinary(random_state=3, store_oof=True).fit(X, y)
    beside = MLPBinary(random_state=3, store_oof=True, n_jobs=n_jobs).fit(X, y)
    np.testing.assert_array_equal(beside.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(beside.oof_proba_, alone.oof_proba_)


def test_adaptive_adam_averages_the_weights_and_goes_back_to_the_best_at_a_tenth_of_the_rate(capsys):
    X, y = data("binary-sigmoid", 300)
    options = {"hidden_layer_sizes": (8,), "n_members": 1, "learning_rate_init": 0.1, "max_iter": 60, "random_state": 0,
               "input_encoding": "standard"}
    constant = MLPBinary(learning_rate="constant", n_iter_no_change=60, **options).fit(X, y)
    adaptive = MLPBinary(learning_rate="adaptive", n_iter_no_change=4, verbose=2, **options).fit(X, y)
    epochs = [line for line in capsys.readouterr().out.splitlines() if "kept" not in line]
    lowered = [nth - before for before, nth in enumerate(nth for nth, line in enumerate(epochs) if "learning rate" in line)]
    n, losses = lowered[0], adaptive.validation_loss_curve_
    assert adaptive.loss_curve_[:n] == constant.loss_curve_[:n]  # averaging does not touch the training
    assert np.diff(losses[:n]).std() < np.diff(constant.validation_loss_curve_[:n]).std()
    assert np.argmin(losses[:n]) == n - 6  # a patience of four
    assert adaptive.loss_curve_[n] < min(constant.loss_curve_[:n])
    assert "learning rate 0.01" in epochs[n]
    for earlier, later in zip([0, *lowered], lowered):
        assert earlier == 0 or min(losses[:later]) <= 0.99 * min(losses[:earlier])
    assert len(lowered) == 1 or adaptive.n_iter_ > lowered[1]

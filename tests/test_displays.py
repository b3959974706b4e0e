"""LossCurveDisplay draws what the fitted estimator recorded, all of it, and says so when there is nothing to draw."""
import matplotlib as mpl
import numpy as np
import pytest
from aside import written
from data import HEADS, data
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import LossCurveDisplay, MLPBinary

mpl.use("Agg")
import matplotlib.pyplot as plt

SMALL = {"hidden_layer_sizes": (6,), "max_iter": 6, "random_state": 0}


@pytest.fixture(autouse=True)
def no_figure_left_open():
    yield
    plt.close("all")


def fitted(**options):
    return MLPBinary(**{**SMALL, **options}).fit(*data("binary", n=120))


def lines_with(display, style, name=None):
    """The y values of the lines of this style."""
    lines = display.lines_[name or next(iter(display.lines_))]
    return [line.get_ydata() for line in lines if line.get_linestyle() == style]


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_one_network_both_curves_and_the_kept_epoch():
    clf = fitted(n_members=1)
    display = LossCurveDisplay.from_estimator(clf)
    np.testing.assert_array_equal(lines_with(display, "--"), [clf.loss_curve_])
    np.testing.assert_array_equal(lines_with(display, "-"), [clf.validation_loss_curve_])
    (dot,) = [line for line in display.lines_["MLPBinary"] if line.get_marker() == "o"]
    np.testing.assert_array_equal(dot.get_xydata(), [[clf.best_iter_, min(clf.validation_loss_curve_)]])
    np.testing.assert_array_equal(display.lines_["MLPBinary"][0].get_xdata(), np.arange(1, clf.n_iter_ + 1))
    assert legend(display) == ["MLPBinary", "training loss", "validation loss", "epoch kept"]


@pytest.mark.parametrize("name", HEADS)
def test_several_networks_are_a_line_each_and_their_mean_over_shared_epochs(name):
    clf = HEADS[name](**{**SMALL, "max_iter": 60}, n_members=3, n_iter_no_change=1, learning_rate_init=0.1)
    clf.fit(*data(name, n=150))
    *thin, mean = lines_with(LossCurveDisplay.from_estimator(clf), "-")
    for member, line in zip(clf.members_, thin, strict=True):
        np.testing.assert_array_equal(line, member.validation_loss_curve_)
    assert len(mean) == min(map(len, thin))
    np.testing.assert_allclose(mean, np.mean([line[: len(mean)] for line in thin], axis=0))


def test_without_validation_rows_the_training_loss_is_all_there_is():
    display = LossCurveDisplay.from_estimator(fitted(n_members=1, solver="lbfgs", max_iter=200), training=False)
    assert len(lines_with(display, "--")) == 1
    assert legend(display) == ["MLPBinary", "training loss"]


def test_the_training_loss_can_be_left_out():
    display = LossCurveDisplay.from_estimator(fitted(n_members=1), training=False)
    assert lines_with(display, "--") == []
    assert legend(display) == ["MLPBinary", "validation loss", "epoch kept"]


def test_validation_losses_of_unknown_epochs_are_not_drawn():
    clf = fitted(n_members=1).partial_fit(*data("binary", n=120))
    display = LossCurveDisplay.from_estimator(clf)
    np.testing.assert_array_equal(lines_with(display, "--"), [clf.loss_curve_])
    assert lines_with(display, "-") == []


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_estimators_in_one_picture():
    X, y = data("binary", n=120)
    ours, theirs = fitted(), MLPClassifier(hidden_layer_sizes=(6,), max_iter=5, random_state=0).fit(X, y)
    display = LossCurveDisplay.from_estimator({"ours": ours, "theirs": theirs})
    assert list(display.lines_) == ["ours", "theirs"]
    np.testing.assert_array_equal(lines_with(display, "--", "theirs"), [theirs.loss_curve_])
    colours = [{line.get_color() for line in lines} for lines in display.lines_.values()]
    assert all(len(colour) == 1 for colour in colours)
    assert colours[0] != colours[1]
    assert list(LossCurveDisplay.from_estimator([ours, theirs]).lines_) == ["MLPBinary", "MLPClassifier"]
    assert list(LossCurveDisplay.from_estimator([ours, ours]).lines_) == ["MLPBinary 1", "MLPBinary 2"]
    assert list(LossCurveDisplay.from_estimator([ours, theirs], name=["a", "b"]).lines_) == ["a", "b"]


def test_it_draws_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    display = LossCurveDisplay.from_estimator(fitted(), ax=axes[1], name="here")
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].lines
    assert display.plot(ax=axes[0]).ax_ is axes[0]


@pytest.mark.parametrize("wrap", [
    lambda clf: make_pipeline(StandardScaler(), clf),
    lambda clf: GridSearchCV(clf, {"alpha": [0.0]}, cv=2),
    lambda clf: GridSearchCV(make_pipeline(StandardScaler(), clf), {"mlpbinary__alpha": [0.0]}, cv=2),
    lambda clf: TunedThresholdClassifierCV(clf, cv=2),
], ids=["pipeline", "search", "search of pipelines", "threshold tuner"])
def test_what_holds_an_estimator_is_looked_into(wrap):
    X, y = data("binary", n=120)
    display = LossCurveDisplay.from_estimator(wrap(MLPBinary(**SMALL, n_members=1)).fit(X, y), name="inside")
    assert len(lines_with(display, "-")) == 1


def test_curves_given_as_numbers():
    display = LossCurveDisplay.from_curves([3.0, 2.0, 1.0], [3.0, 2.0, 2.5], name="mine")
    (dot,) = [line for line in display.lines_["mine"] if line.get_marker() == "o"]
    np.testing.assert_array_equal(dot.get_xydata(), [[2, 2.0]])
    assert legend(LossCurveDisplay.from_curves([3.0, 2.0])) == ["network", "training loss"]
    with pytest.raises(ValueError, match="a value an epoch each"):
        LossCurveDisplay.from_curves([3.0, 2.0], [1.0])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPBinary())
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(GridSearchCV(MLPBinary(), {}))
    with pytest.raises(TypeError, match="LogisticRegression has no loss_curve_"):
        LossCurveDisplay.from_estimator(LogisticRegression().fit(*data("binary")))
    clf = fitted()
    with pytest.raises(ValueError, match="a different name for each of 2 estimators"):
        LossCurveDisplay.from_estimator([clf, clf], name=["same", "same"])
    with pytest.raises(ValueError, match="has its own names"):
        LossCurveDisplay.from_estimator({"a": clf}, name="b")


WITHOUT_MATPLOTLIB = """
import sys; sys.modules["matplotlib"] = None
from sklearn_heads import LossCurveDisplay
try: LossCurveDisplay.from_curves([1.0])
except ImportError as error: assert "pip install matplotlib" in str(error), error
else: raise AssertionError
"""


@pytest.fixture(scope="module")
def aside_without_matplotlib(aside):
    return aside("-c", WITHOUT_MATPLOTLIB)


def test_the_package_does_not_need_matplotlib(aside_without_matplotlib):
    written(aside_without_matplotlib.result())

"""ThresholdCurveDisplay: the curve is the metric, at every threshold."""

import pickle

import matplotlib
import numpy as np
import pytest
from echo import Echo
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer, precision_score

from sklearn_heads import ThresholdCurveDisplay, ThresholdTuner

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 40, 200) / 40
    return scores, (rng.random(200) < scores**2).astype(int)


def test_the_curve_is_the_metric_between_and_at_the_scores(problem):
    scores, y = problem
    weight = np.random.default_rng(1).random(200)
    curve = ThresholdCurveDisplay.from_predictions(y, scores, scoring="f1", sample_weight=weight).curves[0]
    assert (np.diff(curve.scores) > 0).all()
    for place in range(1, len(curve.scores)):
        middle = (curve.scores[place - 1] + curve.scores[place]) / 2
        for threshold in (middle, curve.scores[place]):
            assert curve.values[place] == pytest.approx(f1_score(y, scores >= threshold, sample_weight=weight))
            assert curve.alert_rate[place] == pytest.approx(np.average(scores >= threshold, weights=weight))


def test_what_is_shaded_breaks_the_constraint(problem):
    scores, y = problem
    curve = ThresholdCurveDisplay.from_predictions(y, scores, constraint=("precision", ">=", 0.6)).curves[0]
    precision = [precision_score(y, scores >= threshold, zero_division=0) for threshold in curve.scores]
    assert np.array_equal(curve.feasible, np.array(precision) >= 0.6)
    assert 0 < curve.feasible.sum() < len(curve.feasible)


def test_a_tuner_is_drawn_with_its_threshold_and_band(problem):
    scores, y = problem
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1", random_state=0).fit(scores[:, None], y)
    display = ThresholdCurveDisplay.from_estimator(tuner, scores[:, None], y)
    assert (display.curves[0].threshold, display.curves[0].std) == (tuner.best_threshold_, tuner.threshold_std_)
    drawn, label = display.axes_[0].get_legend_handles_labels()
    assert label == ["f1", f"threshold {tuner.best_threshold_:.3g}"]
    assert set(drawn[1].get_xdata()) == {tuner.best_threshold_}


def test_drawing_shows_what_was_fitted_and_changes_nothing():
    rng = np.random.default_rng(0)
    X = rng.random((300, 1))
    y = (X[:, 0] + 0.3 * rng.normal(size=300) > 0.7).astype(int)
    tuner = ThresholdTuner(Echo(), scoring="f1", pos_label=1, random_state=0).fit(X, y)
    as_fitted = ThresholdCurveDisplay.from_estimator(tuner, X, y)
    labels, state = tuner.predict(X), pickle.dumps(tuner)
    tuner.set_params(scoring="recall", pos_label=0, constraint=("precision", ">=", 0.9), strategy="global")
    changed = ThresholdCurveDisplay.from_estimator(tuner, X, y)
    assert changed.metric_name == as_fitted.metric_name == "f1"
    for one, other in zip(changed.curves[0], as_fitted.curves[0], strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(tuner.predict(X), labels)
    tuner.set_params(scoring="f1", pos_label=1, constraint=None, strategy="per_label")
    assert pickle.dumps(tuner) == state


def test_one_panel_per_label_up_to_nine():
    rng = np.random.default_rng(0)
    scores = rng.random((100, 12))
    Y = (scores + 0.3 * rng.normal(size=scores.shape) > 0.6).astype(int)
    tuner = ThresholdTuner(Echo(), scoring="f1_micro", random_state=0).fit(scores, Y)
    names = [f"tag {label}" for label in range(12)]
    display = ThresholdCurveDisplay.from_estimator(tuner, scores, Y, names=names)
    assert [ax.get_title() for ax in display.axes_] == names[:9]
    assert [curve.threshold for curve in display.curves] == tuner.thresholds_.tolist()


def test_axes_of_the_caller_are_used(problem):
    import matplotlib.pyplot as plt

    scores, y = problem
    figure, ax = plt.subplots()
    display = ThresholdCurveDisplay.from_predictions(
        np.array(["no", "yes"])[y], scores, pos_label="yes", thresholds=0.5, ax=ax
    )
    assert display.figure_ is figure
    assert display.axes_[0] is ax


def test_what_cannot_be_drawn(problem):
    scores, y = problem
    P = np.random.default_rng(0).dirichlet([1, 1, 1], 90)
    tuner = ThresholdTuner(Echo(), scoring="f1_macro", random_state=0).fit(P, P.argmax(1))
    with pytest.raises(ValueError, match="decided by biases"):
        ThresholdCurveDisplay.from_estimator(tuner, P, P.argmax(1))
    with pytest.raises(ValueError, match="decided by biases"):
        ThresholdCurveDisplay.from_predictions(P.argmax(1), P)
    for wrong in (scores[:5], np.column_stack([1 - scores, scores])):
        with pytest.raises(ValueError, match=r"shape of y_true.*proba\[:, 1\]"):
            ThresholdCurveDisplay.from_predictions(y, wrong)
    with pytest.raises(ValueError, match="cannot be drawn as a curve"):
        ThresholdCurveDisplay.from_predictions(y, scores, scoring=make_scorer(lambda y, p: 0.0))

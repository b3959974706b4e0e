"""ThresholdCurveDisplay: a metric against the threshold, as the exact step curve."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_heads.thresholds._checks import check_target, check_weight
from sklearn_heads.thresholds._kinds import Binary
from sklearn_heads.thresholds._objective import parse, parse_constraints, parse_scoring
from sklearn_heads.thresholds._scores import check_finite
from sklearn_heads.thresholds._search.binary import feasible_positions
from sklearn_heads.thresholds._search.metrics import METRICS
from sklearn_heads.thresholds._search.ranking import Ranking

MOST_PANELS = 9
NO_THRESHOLDS = (
    "Three or more classes are decided by biases, not by thresholds, so there is no curve over the threshold to draw. "
    "See class_bias_, or a ConfusionMatrixDisplay of the predictions."
)


class Line(NamedTuple):
    """A constraint: its metric at each threshold, and the bound."""

    name: str
    values: np.ndarray
    bound: float


class Curve(NamedTuple):
    """One panel: on (scores[i - 1], scores[i]] a threshold has values[i], alert_rate[i] and feasible[i]; scores increase.

    promised (runs, 2): the constraints hold on new rows, with the confidence, at thresholds above the first and up to the second.
    """

    name: str
    scores: np.ndarray
    values: np.ndarray
    alert_rate: np.ndarray
    feasible: np.ndarray
    threshold: float | None
    std: float
    limits: list[Line] = []
    promised: np.ndarray | None = None
    confidence: float | None = None

    @property
    def price(self) -> float:
        """What the promise costs in the metric: the best where these rows meet the constraints, less that at the threshold."""
        at = np.searchsorted(self.scores, self.threshold)
        best = self.values[self.feasible].max() if self.feasible.any() else self.values.max()
        return best - self.values[min(at, len(self.values) - 1)]


class ThresholdCurveDisplay:
    """A metric, and the share of rows predicted positive, against the threshold.

    Made by `from_estimator` or `from_predictions`; `plot` draws it again, from `curves`, into `figure_` and `axes_`.
    """

    def __init__(self, curves: list[Curve], metric_name: str):
        self.curves = curves
        self.metric_name = metric_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None, names: Any = None, ax: Any = None
    ):
        """Draw a fitted `ThresholdTuner` (no multiclass) on rows X, best unseen ones, with its thresholds and their spread.

        names are those of the labels, for the panels; ax is where to draw a single one. Other parameters as in its
        `fit`.
        """
        check_is_fitted(estimator)
        kind = estimator._read.kind
        if not kind.has_thresholds:
            raise ValueError(NO_THRESHOLDS)
        # As the tuner was fitted: its parameters may have been set since.
        _, objective, constraints = parse(estimator._asked, kind, estimator.estimator)
        if objective.metric is None:
            raise ValueError(
                "Only metrics that are computed exactly can be drawn; use from_predictions with one of them."
            )
        thresholds = np.atleast_1d(getattr(estimator, kind.attribute))
        y = check_target(y)[1]
        names = kind.names if names is None and getattr(kind, "named", False) else names
        scores = estimator._read(estimator.estimator_, X)
        metric = METRICS["f1"] if objective.average == "samples" else objective.metric
        spread = np.atleast_1d(estimator.threshold_std_)
        promised = getattr(estimator, "promised_", None)
        promised = promised if promised is None or isinstance(promised, list) else [promised]
        truth, known = kind.encode(y), kind.known(y)
        return cls._draw(truth, known, scores, metric, constraints, thresholds, spread, sample_weight, names, ax, promised)

    @classmethod
    def from_predictions(
        cls, y_true: Any, scores: Any, *, scoring: Any = "f1", constraint: Any = None, confidence: Any = None,
        thresholds: Any = None, pos_label: Any = None, sample_weight: Any = None, names: Any = None, ax: Any = None,
    ):
        """Draw any scores: (n,) of the positive class, or (n, L) for a 0/1 matrix of labels, drawn label by label.

        thresholds, a float or (L,), are marked; thresholds that break the constraint, or with a confidence those at
        which it cannot be promised, are shaded. Other parameters as in
        `ThresholdTuner`.
        """
        kind, y = check_target(y_true)
        if not kind.has_thresholds:
            raise ValueError(NO_THRESHOLDS)
        scores = np.asarray(scores, float)
        if scores.shape != y.shape:
            raise ValueError(
                f"scores must have the shape of y_true, {y.shape}; got {scores.shape}. Pass those of the positive class, "
                "proba[:, 1], or a column for each label."
            )
        # Each label is drawn like a problem of two classes.
        two = kind if kind.classes is not None else Binary(np.arange(2))
        objective = parse_scoring(scoring, two, None)
        if objective.metric is None:
            raise ValueError(
                f"scoring={scoring!r} is not computed exactly from counts, so it cannot be drawn as a curve."
            )
        asked = {"constraint": constraint, "confidence": confidence, "cost_matrix": None, "strategy": "per_label"}
        constraints = parse_constraints(asked, objective, two)
        truth = kind.oriented(objective, constraints, pos_label)[0].encode(y)
        names = kind.names if names is None and getattr(kind, "named", False) else names
        thresholds = None if thresholds is None else np.atleast_1d(thresholds)
        known = kind.known(y)
        return cls._draw(truth, known, scores, objective.metric, constraints, thresholds, None, sample_weight, names, ax)

    @classmethod
    def _draw(
        cls, truth, known, scores, metric, constraints, thresholds, spread, sample_weight, names, ax, promised=None
    ):
        check_finite(scores, "for the rows to draw")
        weight = check_weight(sample_weight, truth)
        truth, scores = truth.reshape(len(truth), -1), scores.reshape(len(scores), -1)
        names = [f"label {label}" for label in range(scores.shape[1])] if names is None else list(names)
        curves = []
        for label in range(scores.shape[1]):
            ranking = Ranking(scores[:, label], rows=None if known is None else np.flatnonzero(known[:, label]).astype(np.int32))
            w = weight[ranking.order]
            pos = w * truth[ranking.order, label]
            _, values = ranking.curve(metric, pos, w - pos)
            positions, gap = ranking.positions[::-1], ranking.threshold(0)
            feasible = feasible_positions(ranking, pos, w - pos, constraints.each)[::-1]
            limits = [Line(str(one), ranking.curve(one.metric, pos, w - pos)[1], one.bound) for one in constraints.each]
            # Above the largest score no row is positive.
            ends = np.append(ranking.scores[positions[:-1] - 1], gap)
            alerts = np.append(0, np.cumsum(w))[positions] / w.sum()
            threshold, std = (None if each is None else float(each[label]) for each in (thresholds, spread))
            curve = Curve(names[label], ends, values, alerts, feasible, threshold, std or 0.0, limits)
            if constraints.confidence is not None:
                runs = promised[label] if promised else ranking.gaps(constraints.promised(ranking, pos, w - pos))
                curve = curve._replace(promised=runs, confidence=constraints.confidence)
            curves.append(curve)
        return cls(curves, metric.name.replace("_", " ")).plot(ax=ax)

    def plot(self, ax: Any = None) -> "ThresholdCurveDisplay":
        """Draw the panels, at most nine of them, into ax (a single panel) or a new figure."""
        import matplotlib.pyplot as plt

        shown = self.curves[:MOST_PANELS]
        if ax is None:
            columns = min(len(shown), 3)
            rows = -(-len(shown) // columns)
            self.figure_, axes = plt.subplots(
                rows, columns, squeeze=False, figsize=(4.2 * columns + 1, 3.2 * rows + 0.4), layout="constrained"
            )
            axes = axes.ravel()
        else:
            self.figure_, axes = ax.figure, np.array([ax])
        self.axes_ = axes[: len(shown)]
        for spare in axes[len(shown) :]:
            spare.set_visible(False)
        for panel, curve in zip(self.axes_, shown):
            self._plot_panel(panel, curve, title=len(shown) > 1)
        return self

    def _plot_panel(self, ax, curve, title):
        ax.step(curve.scores, curve.values, where="pre", color="C0", label=self.metric_name)
        if curve.promised is None:
            ax.fill_between(
                curve.scores, 0, 1, where=~curve.feasible, step="pre", color="0.85", transform=ax.get_xaxis_transform(),
                label=None if curve.feasible.all() else "infeasible",
            )
        else:
            self._plot_promise(ax, curve)
        if curve.threshold is not None:
            ax.axvspan(curve.threshold - curve.std, curve.threshold + curve.std, color="C3", alpha=0.15, lw=0)
            price = f", price {curve.price:.2g}" if curve.promised is not None else ""
            ax.axvline(curve.threshold, color="C3", label=f"threshold {curve.threshold:.3g}{price}")
        other = ax.twinx()
        other.step(curve.scores, curve.alert_rate, where="pre", color="C2", lw=1, ls=":")
        other.set(ylim=(0, 1.02), ylabel="alert rate")
        other.yaxis.label.set_color("C2")
        ax.set(xlabel="threshold", ylabel=self.metric_name, title=curve.name if title else "")
        ax.legend(loc="best", fontsize="small")

    def _plot_promise(self, ax, curve):
        """The thresholds that keep the promise, the constrained metrics, and their bounds where they share the axis."""
        low, high = curve.scores[0], curve.scores[-1]
        label = f"promised at {curve.confidence:g}"
        for below, above in curve.promised:
            ax.axvspan(max(below, low), min(above, high), color="C2", alpha=0.2, lw=0, label=label)
            label = None
        for number, line in enumerate(curve.limits):
            color = f"C{4 + number}"
            ax.step(curve.scores, line.values, where="pre", color=color, lw=1, label=line.name)
            ax.axhline(line.bound, color=color, lw=1, ls="--")

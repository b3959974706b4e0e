"""scikit-learn's pipelines, searches, calibration, decompositions into two classes, and ensembles."""
from __future__ import annotations

from functools import cached_property
from itertools import combinations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import Pipeline

from sklearn_heads._onnx.written import Composed, written


@written.register
def _(model: Pipeline, graph, inputs):
    steps = [step for _, step in model.steps[:-1] if step not in (None, "passthrough")]
    for step in steps:
        inputs = graph.transformed(step, inputs)
    return written(model[-1], graph, inputs)


@written.register
def _(model: BaseSearchCV, graph, inputs):
    return written(model.best_estimator_, graph, inputs)


@written.register
def _(model: FrozenEstimator, graph, inputs):
    return written(model.estimator, graph, inputs)


def confidence(model, inner):
    """What one-vs-rest and one-vs-one decide by, (n, 1), and its limit."""
    if hasattr(model, "decision_function"):
        return inner.graph.cast(inner.decision, np.float64), 0.0
    return inner.graph.cast(inner.graph.column(inner.proba, 1), np.float64), 0.5


def all_classes(graph, value, part, classes):
    """Columns for all classes in float64: zeros for classes that the part, fitted on some rows, has not seen."""
    value = graph.cast(value, np.float64)
    seen = np.asarray(part.classes_)
    return value if len(seen) == len(classes) else graph("MatMul", value, (seen[:, None] == classes).astype(float))


@written.register(CalibratedClassifierCV)
class Calibrated(Composed):
    @cached_property
    def proba(self):
        return self.mean([self._calibrated(part) for part in self.model.calibrated_classifiers_])

    def _calibrated(self, part):
        graph, inner = self.graph, self.inner(part.estimator)
        by_decision = hasattr(part.estimator, "decision_function")
        scores = graph.cast(inner.decision if by_decision else inner.proba, np.float64)
        if part.method == "temperature":
            return self._by_temperature(scores, by_decision, part.calibrators[0].beta_)
        calibrate = sigmoid if part.method == "sigmoid" else isotonic
        if self.is_binary:
            p = calibrate(graph, scores if by_decision else graph.column(scores, 1), part.calibrators[0])
            return graph("Concat", graph("Sub", 1, p), p, axis=1)
        columns = [calibrate(graph, graph.column(scores, k), one) for k, one in enumerate(part.calibrators)]
        p = all_classes(graph, graph("Concat", *columns, axis=1), part.estimator, self.model.classes_)
        total = graph.row_sums(p)
        nothing = graph.cast(graph("Equal", total, 0), np.float64)  # where all are zero: the same for each class
        even = graph("Div", nothing, self.n_classes)
        return graph("Add", graph("Div", p, graph("Add", total, nothing)), even)

    def _by_temperature(self, scores, by_decision, beta):
        graph = self.graph
        if not by_decision:
            scores = graph("Log", graph("Add", scores, 1e-12))
        elif self.is_binary:
            scores = graph("Concat", graph("Neg", scores), scores, axis=1)
        return graph("Softmax", graph("Mul", scores, float(np.asarray(beta).item())), axis=1)


def sigmoid(graph, x, calibrator):
    return graph("Sigmoid", graph("Neg", graph("Add", graph("Mul", x, calibrator.a_), calibrator.b_)))


def isotonic(graph, x, calibrator):
    """Linear between the thresholds, constant outside. As SciPy computes it: where it is flat, it is so to the last bit, and a
    flat stretch at one half is common."""
    knots, values = np.float64(calibrator.X_thresholds_), np.float64(calibrator.y_thresholds_)
    if len(knots) == 1:
        return graph("Add", graph("Clip", x, 0, 0), values[0])
    x = graph("Clip", x, knots[0], knots[-1])
    passed = graph.cast(graph("GreaterOrEqual", x, knots[1:-1]), np.float64) if len(knots) > 2 else None
    position = graph("Mul", x, 0) if passed is None else graph.row_sums(passed)
    at = graph.cast(position, np.int64)
    low, start, slope = (graph("Gather", values_, at, axis=0) for values_ in (knots, values, np.diff(values) / np.diff(knots)))
    return graph("Add", graph("Mul", slope, graph("Sub", x, low)), start)


@written.register(OneVsRestClassifier)
class OneVsRest(Composed):
    def __init__(self, model, graph, inputs):
        super().__init__(model, graph, inputs)
        self.inners = [self.inner(part) for part in model.estimators_]

    @cached_property
    def _confidences(self):
        values, limits = zip(*[confidence(*pair) for pair in zip(self.model.estimators_, self.inners)])
        return self.graph("Concat", *values, axis=1), limits[0]

    @property
    def decision(self):
        scores, limit = self._confidences
        return scores if limit == 0 else super().decision

    @cached_property
    def proba(self):
        graph = self.graph
        p = graph("Concat", *[graph.cast(graph.column(one.proba, 1), np.float64) for one in self.inners], axis=1)
        if len(self.inners) == 1 and not self.is_multilabel:
            p = graph("Concat", graph("Sub", 1, p), p, axis=1)
        if self.is_multilabel:
            return p
        total = graph.row_sums(p)
        return graph("Div", p, graph("Add", total, graph.cast(graph("Equal", total, 0), np.float64)))

    @cached_property
    def ids(self):
        scores, limit = self._confidences
        if self.is_multilabel or len(self.inners) == 1:
            return self.over(scores, limit)
        return self.graph("ArgMax", scores, axis=1, keepdims=0)


@written.register(OneVsOneClassifier)
class OneVsOne(Composed):
    @cached_property
    def _votes(self):
        """Votes for each class, and between equals the sum of confidences, squeezed into a third of a vote."""
        graph, K = self.graph, self.n_classes
        if self.model.pairwise_indices_ is not None:
            raise ValueError("A one-vs-one classifier over a precomputed kernel reads other columns for each pair.")
        first, second = np.array(list(combinations(range(K), 2))).T
        to_first, to_second = np.eye(K)[first], np.eye(K)[second]
        inners = [self.inner(part) for part in self.model.estimators_]
        ids = graph("Concat", *[graph("Reshape", one.ids, np.array([-1, 1])) for one in inners], axis=1)
        votes = graph("Add", graph("MatMul", graph.cast(ids, np.float64), to_second - to_first), to_first.sum(axis=0))
        values = [confidence(part, one)[0] for part, one in zip(self.model.estimators_, inners)]
        total = graph("MatMul", graph("Concat", *values, axis=1), to_second - to_first)
        return graph("Add", votes, graph("Div", total, graph("Mul", graph("Add", graph("Abs", total), 1), 3)))

    @cached_property
    def decision(self):
        return self.graph.column(self._votes, 1) if self.is_binary else self._votes

    @cached_property
    def ids(self):
        if self.is_binary:
            return self.over(self.decision, 0.0 if hasattr(self.model.estimators_[0], "decision_function") else 0.5)
        return self.graph("ArgMax", self._votes, axis=1, keepdims=0)


@written.register(StackingClassifier)
class Stacking(Composed):
    def __init__(self, model, graph, inputs):
        super().__init__(model, graph, inputs)
        parts = [self._columns(*pair) for pair in zip(model.estimators_, model.stack_method_)]
        if model.passthrough:
            parts.append(graph.cast(graph.matrix(inputs)[0], np.float64))
        last = model.final_estimator_
        stacked = parts[0] if len(parts) == 1 else graph("Concat", *parts, axis=1)
        self.last = self.inner(last, [graph.variable(stacked, inputs[0], last.n_features_in_)])

    def _columns(self, part, method):
        graph, inner = self.graph, self.inner(part)
        if method == "predict":
            return graph.cast(graph("Reshape", inner.ids, np.array([-1, 1])), np.float64)
        scores = inner.decision if method == "decision_function" else inner.proba
        if method == "predict_proba" and self.is_binary:
            scores = graph.column(scores, 1)
        return graph.cast(scores, np.float64)

    @property
    def decision(self):
        return self.last.decision

    @property
    def proba(self):
        return self.last.proba

    @property
    def ids(self):
        return self.last.ids


@written.register(VotingClassifier)
class Voting(Composed):
    def __init__(self, model, graph, inputs):
        super().__init__(model, graph, inputs)
        self.inners = [self.inner(part) for part in model.estimators_]

    @cached_property
    def shown(self):
        """The mean probability, or the share of the votes."""
        if self.model.voting == "soft":
            values = [one.proba for one in self.inners]
        else:
            values = [self.graph.one_hot(one.ids, self.n_classes) for one in self.inners]
        return self.mean(values, self.model._weights_not_none)

    @property
    def proba(self):
        return self.shown if self.model.voting == "soft" else super().proba

    @cached_property
    def ids(self):
        return self.graph("ArgMax", self.shown, axis=1, keepdims=0)


@written.register(BaggingClassifier)
class Bagging(Composed):
    def __init__(self, model, graph, inputs):
        super().__init__(model, graph, inputs)
        matrix, _ = graph.matrix(inputs)
        drawn = [
            graph.variable(graph("Gather", matrix, np.asarray(columns), axis=1), inputs[0], len(columns))
            for columns in model.estimators_features_
        ]
        self.inners = [self.inner(part, [X]) for part, X in zip(model.estimators_, drawn)]

    @cached_property
    def decision(self):
        return self.mean([one.decision for one in self.inners])

    @cached_property
    def proba(self):
        values = []
        for part, one in zip(self.model.estimators_, self.inners):
            has_proba = hasattr(part, "predict_proba")
            value = one.proba if has_proba else self.graph.one_hot(one.ids, len(part.classes_))
            values.append(all_classes(self.graph, value, part, np.arange(self.n_classes)))
        return self.mean(values)


@written.register(AdaBoostClassifier)
class Boosting(Composed):
    @cached_property
    def decision(self):
        """Each part votes with its weight: for its class, and with the rest shared out against the others."""
        graph, K, model = self.graph, self.n_classes, self.model
        votes = [graph.one_hot(self.inner(part).ids, K) for part in model.estimators_]
        share = self.mean(votes, model.estimator_weights_[: len(votes)])
        scores = graph("Div", graph("Sub", graph("Mul", share, K), 1), K - 1)
        return graph("Sub", graph.column(scores, 1), graph.column(scores, 0)) if self.is_binary else scores

    @cached_property
    def proba(self):
        graph, d = self.graph, self.decision
        if self.is_binary:
            return graph("Softmax", graph("Div", graph("Concat", graph("Neg", d), d, axis=1), 2), axis=1)
        return graph("Softmax", graph("Div", d, self.n_classes - 1), axis=1)

    @cached_property
    def ids(self):
        return self.over(self.decision, 0) if self.is_binary else self.graph("ArgMax", self.decision, axis=1, keepdims=0)

"""`ThresholdTuner`, and scikit-learn's classifiers with a threshold."""
from __future__ import annotations

from functools import cached_property

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from sklearn_heads import ThresholdTuner
from sklearn_heads._onnx.written import Composed, written


@written.register(ThresholdTuner)
class Tuner(Composed):
    def __init__(self, model, graph, inputs):
        super().__init__(model, graph, inputs)
        self.is_multilabel = hasattr(model, "thresholds_")
        self.method = model._read.method
        self.positive = 1 if self.is_multilabel or hasattr(model, "class_bias_") else model._read.kind.positive
        self.source = self.inner(model.estimator_)

    @cached_property
    def _margin(self):
        """Of the positive class, over its threshold; for several classes log-probability plus bias."""
        graph, tuner = self.graph, self.model
        scores = graph.cast(self.source.decision if self.method == "decision_function" else self.source.proba, np.float64)
        if self.is_multilabel:
            return graph("Sub", scores, tuner.thresholds_)
        if hasattr(tuner, "class_bias_"):
            logits = scores if self.method == "decision_function" else graph("Log", graph("Max", scores, 1e-300))
            return graph("Add", logits, tuner.class_bias_)
        return graph("Sub", positive_scores(graph, scores, self.method, self.positive), tuner.best_threshold_)

    @property
    def decision(self):
        return self._margin if self.positive == 1 else self.graph("Neg", self._margin)

    @property
    def proba(self):
        return self.source.proba

    @cached_property
    def ids(self):
        if hasattr(self.model, "class_bias_"):
            return self.graph("ArgMax", self._margin, axis=1, keepdims=0)
        if self.is_multilabel:
            return self.graph.cast(self.graph("GreaterOrEqual", self._margin, 0), np.int64)
        return reached(self.graph, self._margin, self.positive)


class Threshold(Composed):
    """scikit-learn's, tuned or fixed: two classes."""

    def __init__(self, model, graph, inputs, positive, threshold):
        super().__init__(model, graph, inputs)
        self.source, self.positive, self.threshold = self.inner(model.estimator_), positive, threshold

    @property
    def decision(self):
        return self.source.decision

    @property
    def proba(self):
        return self.source.proba

    @cached_property
    def ids(self):
        wanted = self.model.response_method
        if wanted == "auto":
            wanted = "predict_proba" if hasattr(self.model.estimator_, "predict_proba") else "decision_function"
        threshold = self.threshold
        if threshold == "auto":
            threshold = 0.5 if wanted == "predict_proba" else 0.0
        scores = self.graph.cast(self.source.proba if wanted == "predict_proba" else self.source.decision, np.float64)
        margin = self.graph("Sub", positive_scores(self.graph, scores, wanted, self.positive), threshold)
        return reached(self.graph, margin, self.positive)


@written.register
def _(model: TunedThresholdClassifierCV, graph, inputs):
    return Threshold(model, graph, inputs, _position(model, model._curve_scorer._get_pos_label()), model.best_threshold_)


@written.register
def _(model: FixedThresholdClassifier, graph, inputs):
    return Threshold(model, graph, inputs, _position(model, model.pos_label), model.threshold)


def _position(model, pos_label):
    return 1 if pos_label is None else int(np.flatnonzero(model.classes_ == pos_label)[0])


def positive_scores(graph, scores, method, positive):
    """(n, 1), the greater the more like the positive class."""
    if method == "predict_proba":
        return graph.column(scores, positive)
    return scores if positive == 1 else graph("Neg", scores)


def reached(graph, margin, positive):
    """Ids (n,): of the positive class from a margin of zero on."""
    found = graph.cast(graph("Reshape", graph("GreaterOrEqual", margin, 0), np.array([-1])), np.int64)
    return found if positive == 1 else graph("Sub", np.array(1), found)

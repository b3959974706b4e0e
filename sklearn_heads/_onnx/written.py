"""Which class writes which classifier, what they share, and classifiers that skl2onnx writes.

skl2onnx converts scikit-learn's classifiers around others from probabilities alone. That is another model wherever `predict`
goes by a decision function: calibrators are fitted on it, one-vs-rest and one-vs-one decide by it, and a tuner's is the margin
over its threshold. So in this room each classifier asks the ones inside it for what it asks them for in Python.

Every class has `decision` ((n, 1) for two classes, else (n, K) or (n, L)), `proba` and `ids`, which are names of values in the
graph. What is never asked for is never written.
"""
from __future__ import annotations

import copy
from functools import cached_property, singledispatch

import numpy as np
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import Int64TensorType, guess_tensor_type

from sklearn_heads._mlp.base import MLPBase
from sklearn_heads._onnx.graph import check_width
from sklearn_heads._onnx.networks import Network


@singledispatch
def written(model, graph, inputs):
    """The graph of a fitted classifier on the inputs, a list of variables."""
    return Foreign(model, graph, inputs)


written.register(MLPBase, Network)


class Composed:
    """A classifier around others.

    Parameters
    ----------
    model : classifier
        Fitted.
    graph : Graph
    inputs : list of Variable
    """

    def __init__(self, model, graph, inputs):
        if isinstance(model.classes_, list):
            raise ValueError(f"{type(model).__name__} gives one array of probabilities per label; ONNX needs one for all.")
        self.model, self.graph, self.inputs = model, graph.typed(np.float64), inputs
        self.n_classes = len(model.classes_)
        self.is_multilabel = getattr(model, "multilabel_", False)

    @property
    def is_binary(self):
        return self.n_classes == 2 and not self.is_multilabel

    @property
    def decision(self):
        raise ValueError(f"The graph needs decision values of {type(self.model).__name__}, which has none.")

    @property
    def proba(self):
        raise ValueError(f"The graph needs probabilities of {type(self.model).__name__}, which has none.")

    @cached_property
    def ids(self):
        """Positions of the predicted classes, (n,): of the largest probability."""
        return self.graph("ArgMax", self.proba, axis=1, keepdims=0)

    @property
    def shown(self):
        """What the results hold: probabilities, or decision values of a classifier without them."""
        return self.proba if hasattr(self.model, "predict_proba") else two_sided(self)

    def inner(self, model, inputs=None):
        return written(model, self.graph, self.inputs if inputs is None else inputs)

    def mean(self, values, weights=None):
        """Their weighted mean in float64."""
        graph, values = self.graph, [self.graph.cast(value, np.float64) for value in values]
        if weights is not None:
            values = [graph("Mul", value, weight) for value, weight in zip(values, weights)]
        return graph("Div", graph("Sum", *values), len(values) if weights is None else np.sum(weights))

    def over(self, scores, limit):
        """Whether scores are greater, as 0 and 1 of the same shape; (n, 1) becomes (n,)."""
        found = self.graph.cast(self.graph("Greater", scores, limit), np.int64)
        return found if self.is_multilabel else self.graph("Reshape", found, np.array([-1]))


def two_sided(model):
    """Decision values, a column for each class: -d and d for two."""
    d = model.decision
    return model.graph("Concat", model.graph("Neg", d), d, axis=1) if model.is_binary else d


class Foreign(Composed):
    """A classifier that skl2onnx writes, as an operator of its own."""

    def __init__(self, model, graph, inputs):
        super().__init__(model, graph, inputs)
        check_width(model, inputs)

    @property
    def decision(self):
        if not hasattr(self.model, "decision_function"):
            return super().decision
        if not self.graph.container.has_options(self.model, "raw_scores"):
            raise ValueError(f"The graph needs decision values of {type(self.model).__name__}, which skl2onnx does not write.")
        raw = self._operator(raw_scores=True)[1]
        return self.graph.column(raw, -1) if self.is_binary else raw

    @cached_property
    def _labels_and_proba(self):
        return self._operator()

    @property
    def proba(self):
        return self._labels_and_proba[1] if hasattr(self.model, "predict_proba") else super().proba

    @property
    def ids(self):
        classes = np.asarray(self.model.classes_)
        words = classes.dtype.kind in "OU"
        keys = {"keys_strings": classes.tolist()} if words else {"keys_int64s": classes.astype(np.int64).tolist()}
        keys["values_int64s"] = list(range(len(classes)))
        return self.graph("LabelEncoder", self._labels_and_proba[0], op_domain="ai.onnx.ml", op_version=2, **keys)

    def _operator(self, **options):
        graph, scope = self.graph, self.graph.scope
        kind = sklearn_operator_name_map.get(type(self.model))
        if kind is None:
            raise ValueError(f"skl2onnx has no converter for {type(self.model).__name__}.")
        model = copy.copy(self.model)  # options are filed under the identity of a model, and the next operator has others
        operator = scope.declare_local_operator(kind, model)
        graph.container.add_options(id(model), options)
        scope.add_options(id(model), options)
        if len(self.inputs) == 1:
            operator.inputs = self.inputs
        else:
            operator.inputs.append(graph.variable(graph.matrix(self.inputs)[0], self.inputs[0], model.n_features_in_))
        label = scope.declare_local_variable("inner_label", Int64TensorType())
        scores = scope.declare_local_variable("inner_scores", guess_tensor_type(operator.inputs[0].type))
        operator.outputs.append(label)
        operator.outputs.append(scores)
        return label.full_name, scores.full_name

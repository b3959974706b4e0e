"""Our networks: the layers, and the head.

Arithmetic is in the precision of the network; columns are centred, as in the core, in the wider of that and the type of X.
As in `_mlp/fitted.py`, probabilities and classes are functions of the decision values.
"""
from __future__ import annotations

from functools import cached_property

import numpy as np

from sklearn_heads._onnx.encoding import encode, read_columns
from sklearn_heads._onnx.graph import check_width
from sklearn_heads.heads import OneVsRest, Softmax


class Network:
    """Decision values, probabilities and class ids of MLPBinary, MLPMulticlass or MLPMultiLabel.

    Parameters
    ----------
    estimator : MLPBase
        Fitted.
    graph : Graph
    inputs : list of Variable
        One matrix, or the columns of a frame.
    """

    def __init__(self, estimator, graph, inputs):
        check_width(estimator, inputs)
        self.graph, self.estimator, self.inputs = graph.typed(estimator.members_[0].network.dtype), estimator, inputs
        self.head = estimator._head
        self.is_multilabel = self.head.is_multilabel
        self.n_classes = len(self.head.classes)
        self.is_binary = not self.is_multilabel and self.n_classes == 2

    @cached_property
    def decision(self):
        """Public decision values: (n, 1) for two classes, (n, K), (n, L)."""
        graph, members = self.graph, self.estimator.members_
        X, source, categories = read_columns(graph, self.estimator, self.inputs)
        encodings = {id(member.encoding): member.encoding for member in members}  # most members share one
        encoded = {key: encode(graph, encoding, X, source, categories, graph.dtype) for key, encoding in encodings.items()}
        decisions = [self._of_logits(logits(graph, member.network, encoded[id(member.encoding)])) for member in members]
        decision = decisions[0] if len(decisions) == 1 else self._pool(decisions)
        return self._with_constants(decision) if len(self.head.constant_labels) else decision

    @cached_property
    def proba(self):
        graph, decision = self.graph, self.decision
        if self.is_multilabel:
            return graph("Sigmoid", decision)
        if self.is_binary:
            return graph("Sigmoid", graph("Concat", graph("Neg", decision), decision, axis=1))
        return graph("Softmax", self._competing(decision), axis=1)

    @cached_property
    def ids(self):
        """Positions of the predicted classes (n,), or 0 and 1 for each label (n, L)."""
        graph = self.graph
        if self.is_multilabel:
            return graph.cast(graph("GreaterOrEqual", self.decision, 0), np.int64)
        if self.is_binary:
            found = graph("Reshape", graph("GreaterOrEqual", self.decision, 0), np.array([-1]))
            return graph.cast(found, np.int64)
        return graph("ArgMax", self.decision, axis=1, keepdims=0)

    @property
    def shown(self):
        """What the results hold."""
        return self.proba

    def _of_logits(self, z):
        """`decision` of the heads."""
        graph = self.graph
        if not self.is_binary or self.head.n_outputs == 1:
            return z
        z = z if isinstance(self.head, Softmax) else log_sigmoid(graph, z)
        return graph("Sub", graph.column(z, 1), graph.column(z, 0))

    def _with_constants(self, decision):
        """The labels that vary, and those that are the same for each row, in the user's order."""
        graph, constant = self.graph, self.head.constant
        zero = graph("Clip", graph.column(decision, 0), 0, 0)
        both = graph("Concat", decision, graph("Add", zero, constant[~np.isnan(constant)].astype(graph.dtype)), axis=1)
        return graph("Gather", both, np.argsort(np.argsort(~np.isnan(constant), kind="stable")), axis=1)

    def _competing(self, decision):
        """Logits whose softmax are the probabilities: sigmoids divided by their sum are the softmax of their logarithms."""
        return log_sigmoid(self.graph, decision) if isinstance(self.head, OneVsRest) else decision

    def _pool(self, decisions):
        """`pool` of the heads: decision values of the mean probability."""
        graph = self.graph
        if self.is_multilabel or self.is_binary:
            present = log_mean_exp(graph, [log_sigmoid(graph, z) for z in decisions])
            absent = log_mean_exp(graph, [log_sigmoid(graph, graph("Neg", z)) for z in decisions])
            return graph("Sub", present, absent)
        mean = log_mean_exp(graph, [graph("LogSoftmax", self._competing(z), axis=1) for z in decisions])
        if not isinstance(self.head, OneVsRest):
            return mean
        top = graph("Max", *[graph.column(mean, k) for k in range(self.n_classes)])
        log_half = graph("Sub", graph("Sub", mean, top), np.log(2))
        return graph("Sub", log_half, graph("Log", graph("Sub", 1, graph("Exp", log_half))))


def logits(graph, network, a):
    for W, b in zip(network.coefs[:-1], network.intercepts[:-1]):
        a = ACTIVATIONS[network.activation](graph, graph("Gemm", a, W, b))
    return graph("Gemm", a, network.coefs[-1], network.intercepts[-1])


def log_sigmoid(graph, z):
    tail = graph("Log", graph("Add", graph("Exp", graph("Neg", graph("Abs", z))), 1))
    return graph("Sub", graph("Min", z, 0), tail)


def log_mean_exp(graph, logs):
    """log of the mean of exp over several values; the largest comes off first, so that nothing underflows."""
    top = graph("Max", *logs)
    total = graph("Sum", *[graph("Exp", graph("Sub", z, top)) for z in logs])
    return graph("Add", top, graph("Log", graph("Div", total, len(logs))))


def _gelu(graph, x):  # onnxruntime has Erf in float32 only, with an error of 1e-7
    erf = graph.cast(graph("Erf", graph.cast(graph("Mul", x, 0.5**0.5), np.float32)), graph.dtype)
    return graph("Mul", graph("Mul", x, 0.5), graph("Add", erf, 1))


def _selu(graph, x):
    negative = graph("Mul", graph("Sub", graph("Exp", graph("Min", x, 0)), 1), 1.6732632423543772)
    return graph("Mul", graph("Add", graph("Max", x, 0), negative), 1.0507009873554805)


# Operators that onnxruntime has in both precisions.
ACTIVATIONS = {
    "identity": lambda graph, x: x,
    "logistic": lambda graph, x: graph("Sigmoid", x),
    "tanh": lambda graph, x: graph("Tanh", x),
    "relu": lambda graph, x: graph("Relu", x),
    "leaky_relu": lambda graph, x: graph("Max", x, graph("Mul", x, 0.01)),
    "gelu": _gelu,
    "silu": lambda graph, x: graph("Mul", x, graph("Sigmoid", x)),
    "selu": _selu,
}

"""ONNX: converters with which skl2onnx writes the classifiers and `ThresholdTuner` as graphs.

A graph does what `predict` and `predict_proba` do: the input encoding of `_core/rows.h`, the layers of each network, the head.
Arithmetic is in the precision of the network; columns are centred, as in the core, in the wider of that and the type of X.

Two classes are written as softmax against a logit of zero, so that a graph needs to know two kinds of head: classes that
compete, and labels that do not.
"""
from __future__ import annotations

import numpy as np

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner
from sklearn_heads.heads import OneVsRest, Sigmoid

ESTIMATORS = (MLPBinary, MLPMulticlass, MLPMultiLabel)
OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}


def register_converters() -> None:
    """Tell skl2onnx how to convert `MLPBinary`, `MLPMulticlass`, `MLPMultiLabel` and `ThresholdTuner`.

    Afterwards `skl2onnx.to_onnx` takes them alone, in a Pipeline and wherever it takes classifiers. A tuner's estimator is
    anything that skl2onnx converts and whose probabilities are one array; its cuts must be on probabilities, not on
    ``response_method="decision_function"``.

    Raises
    ------
    ImportError
        Without skl2onnx: ``pip install 'sklearn-heads[onnx]'``.

    Examples
    --------
    >>> from sklearn_heads.onnx import register_converters
    >>> register_converters()  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError("ONNX needs skl2onnx: pip install 'sklearn-heads[onnx]'.") from error
    for estimator in ESTIMATORS:
        update_registered_converter(estimator, f"SklearnHeads{estimator.__name__}", _shapes, _convert, options=OPTIONS)
    update_registered_converter(ThresholdTuner, "SklearnHeadsThresholdTuner", _shapes, _convert_tuner, options=OPTIONS)


class Graph:
    """Writes nodes for one estimator: ``graph("Add", x, 1)`` is the name of the result.

    An input is a name, or an array or number, which becomes a constant; numbers take the type `dtype`.
    """

    def __init__(self, scope, operator, container):
        self.scope, self.operator, self.container = scope, operator, container
        self.dtype = np.float64

    def __call__(self, kind, *inputs, **attributes):
        out = self.scope.get_unique_variable_name(kind.lower())
        self.container.add_node(kind, [self.name_of(value) for value in inputs], [out], **attributes)
        return out

    def name_of(self, value):
        if isinstance(value, str):
            return value
        from onnx import TensorProto
        from onnx.numpy_helper import from_array

        value = np.asarray(value, dtype=None if isinstance(value, np.ndarray) else self.dtype)
        name = self.scope.get_unique_variable_name("constant")
        if value.dtype.kind in "OU":
            self.container.add_initializer(name, TensorProto.STRING, value.shape, [word.encode() for word in value.tolist()])
        else:
            tensor = from_array(value)
            self.container.add_initializer(name, tensor.data_type, value.shape, tensor)
        return name

    def cast(self, value, dtype):
        from onnx.helper import np_dtype_to_tensor_dtype

        return self("Cast", value, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def finish(self, labels, proba):
        """Name the results as the operator's outputs, the probabilities in the type that skl2onnx has promised."""
        from skl2onnx.common.data_types import guess_proto_type

        label, probabilities = self.operator.outputs
        self.container.add_node("Identity", [labels], [label.full_name])
        self.container.add_node("Cast", [proba], [probabilities.full_name], to=guess_proto_type(probabilities.type))

    def classes(self):
        """The user's labels, or with the option `nocl` their positions."""
        from skl2onnx.common.utils_classifier import get_label_classes

        classes = np.asarray(get_label_classes(self.scope, self.operator.raw_operator))
        return classes if classes.dtype.kind in "OU" else classes.astype(np.int64)


def _is_multilabel(estimator):
    return hasattr(estimator, "thresholds_") if isinstance(estimator, ThresholdTuner) else estimator._head.is_multilabel


def _shapes(operator):
    """Types of the outputs: labels (n,), or (n, L) for a label matrix; probabilities a column for each class or label."""
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    calculate_linear_classifier_output_shapes(operator)
    if _is_multilabel(operator.raw_operator):
        operator.outputs[0].type.shape = operator.outputs[1].type.shape


# ---- networks ---------------------------------------------------------------------------------------------------


def _convert(scope, operator, container):
    from skl2onnx.common.data_types import FloatTensorType

    estimator, graph = operator.raw_operator, Graph(scope, operator, container)
    head, members = estimator._head, estimator.members_
    X = operator.inputs[0]
    source = np.float32 if isinstance(X.type, FloatTensorType) else np.float64  # whole numbers become float64, as in predict
    encoded = _encode(graph, members[0].encoding, X.full_name, source, members[0].network.dtype)
    scores = [_logits(graph, member.network, encoded) for member in members]
    if isinstance(head, Sigmoid):
        scores = [graph("Pad", z, np.array([0, 1, 0, 0], dtype=np.int64)) for z in scores]  # softmax against a logit of zero
    probas = [_proba(graph, head, z) for z in scores]
    if len(members) == 1:
        decide_by, proba, half = scores[0], probas[0], 0
    else:
        decide_by = proba = graph("Div", graph("Sum", *probas), len(probas))
        half = 0.5
    if head.is_multilabel:
        labels = graph.cast(graph("GreaterOrEqual", decide_by, half), np.int64)
    else:  # a tie of two classes goes to the second, of more to the first
        best = graph("ArgMax", decide_by, axis=1, keepdims=0, select_last_index=int(len(head.classes) == 2))
        labels = graph("Gather", graph.classes(), best)
    graph.finish(labels, proba)


def _encode(graph, encoding, X, source, dtype):
    """What `gather` of the core does to rows of X; returns the inputs of the network."""
    wide = np.result_type(source, dtype)
    if encoding.kind is None:
        return graph.cast(X, dtype)
    arrays = encoding.arrays_for(wide, dtype)
    x = graph.cast(X, wide)
    if "columns" in arrays:
        x = graph("Gather", x, arrays["columns"], axis=1)
    z = graph.cast(graph("Mul", graph("Sub", x, arrays["mean"]), arrays["factor"]), dtype)
    graph.dtype = dtype
    if "bound" not in arrays:
        return z
    z = graph("Clip", z, -1e18, 1e18)
    bounded = graph("Div", z, graph("Sqrt", graph("Add", graph("Mul", graph("Mul", z, z), arrays["bound"] ** -2), 1)))
    if "low" not in arrays:
        return bounded
    repeated = graph("Gather", z, np.concatenate([np.arange(m) for m in arrays["binned"]]), axis=1)
    rise = graph("Mul", graph("Sub", repeated, arrays["low"]), arrays["slope"])
    return graph("Concat", bounded, graph("Sub", graph("Clip", rise, 0, 1), 0.5), axis=1)


def _logits(graph, network, a):
    graph.dtype = network.dtype
    for W, b in zip(network.coefs[:-1], network.intercepts[:-1]):
        a = ACTIVATIONS[network.activation](graph, graph("Gemm", a, W, b))
    return graph("Gemm", a, network.coefs[-1], network.intercepts[-1])


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


def _proba(graph, head, scores):
    if head.is_multilabel:
        return graph("Sigmoid", scores)
    if isinstance(head, OneVsRest):  # sigmoids divided by their sum are the softmax of their logarithms
        tail = graph("Log", graph("Add", graph("Exp", graph("Neg", graph("Abs", scores))), 1))
        scores = graph("Sub", graph("Min", scores, 0), tail)
    return graph("Softmax", scores, axis=1)


# ---- tuned cuts -------------------------------------------------------------------------------------------------


def _convert_tuner(scope, operator, container):
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common.data_types import Int64TensorType

    tuner, graph = operator.raw_operator, Graph(scope, operator, container)
    if tuner._read.method != "predict_proba":
        raise ValueError("ONNX has the probabilities to cut, not the decision function: use response_method='predict_proba'.")
    if isinstance(tuner.classes_, list):
        raise ValueError(f"{type(tuner.estimator_).__name__} gives one array of probabilities a label; ONNX needs one for all.")
    inner = scope.declare_local_operator(sklearn_operator_name_map[type(tuner.estimator_)], tuner.estimator_)
    inner.inputs = operator.inputs
    label = scope.declare_local_variable("uncut_label", Int64TensorType())
    proba = scope.declare_local_variable("uncut_probabilities", operator.outputs[1].type.__class__())
    inner.outputs.append(label)
    inner.outputs.append(proba)

    p = graph.cast(proba.full_name, np.float64)
    if hasattr(tuner, "thresholds_"):
        labels = graph.cast(graph("GreaterOrEqual", p, tuner.thresholds_), np.int64)
    elif hasattr(tuner, "class_bias_"):
        biased = graph("Add", graph("Log", graph("Max", p, 1e-300)), tuner.class_bias_)
        labels = graph("Gather", graph.classes(), graph("ArgMax", biased, axis=1, keepdims=0))
    else:
        positive = tuner._read.kind.positive
        found = graph("GreaterOrEqual", graph("Gather", p, np.array(positive), axis=1), tuner.best_threshold_)
        labels = graph("Gather", graph.classes()[[1 - positive, positive]], graph.cast(found, np.int64))
    graph.finish(labels, proba.full_name)

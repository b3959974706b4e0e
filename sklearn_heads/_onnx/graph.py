"""Graph: writes the nodes of one operator of skl2onnx."""
from __future__ import annotations

import copy

import numpy as np
from onnx import TensorProto
from onnx.helper import np_dtype_to_tensor_dtype
from onnx.numpy_helper import from_array
from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
    guess_proto_type,
)
from skl2onnx.common.utils_classifier import get_label_classes

LOWEST_OPSET = 12  # the first with GreaterOrEqual, with ArgMax for the last of ties, and with Clip in both precisions


class Graph:
    """Writes nodes for one operator: ``graph("Add", x, 1)`` is the name of the result.

    An input is a name, or an array or number, which becomes a constant; numbers take the type `dtype`, float64 at first.
    """

    def __init__(self, scope, operator, container):
        self.scope, self.operator, self.container = scope, operator, container
        self.dtype = np.float64
        if container.target_opset_onnx < LOWEST_OPSET:
            raise ValueError(
                f"target_opset={container.target_opset_onnx} lacks operators that {type(operator.raw_operator).__name__} needs: "
                f"the lowest that works is {LOWEST_OPSET}."
            )

    def typed(self, dtype):
        """The same writer, for numbers of another type."""
        other = copy.copy(self)
        other.dtype = dtype
        return other

    def __call__(self, kind, *inputs, **attributes):
        out = self.scope.get_unique_variable_name(kind.lower())
        self.container.add_node(kind, [self.name_of(value) for value in inputs], [out], **attributes)
        return out

    def name_of(self, value):
        if isinstance(value, str):
            return value
        value = np.asarray(value, dtype=None if isinstance(value, np.ndarray) else self.dtype)
        name = self.scope.get_unique_variable_name("constant")
        if value.dtype.kind in "OU":
            self.container.add_initializer(name, TensorProto.STRING, value.shape, [word.encode() for word in value.tolist()])
        else:
            tensor = from_array(value)
            self.container.add_initializer(name, tensor.data_type, value.shape, tensor)
        return name

    def cast(self, value, dtype):
        return self("Cast", value, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def column(self, value, index):
        """One column, (n, 1)."""
        return self("Gather", value, np.array([index]), axis=1)

    def row_sums(self, value):
        """Sums over the columns, (n, 1)."""
        if self.container.target_opset_onnx < 13:
            return self("ReduceSum", value, axes=[1], keepdims=1)
        return self("ReduceSum", value, np.array([1]), keepdims=1)

    def one_hot(self, ids, n_classes):
        """0.0 or 1.0, (n, K), for positions (n,)."""
        return self.cast(self("Equal", self("Reshape", ids, np.array([-1, 1])), np.arange(n_classes)[None]), np.float64)

    # ---- variables: what skl2onnx hands from one operator to the next ----------------------------------------------

    def transformed(self, transformer, inputs):
        """What a fitted transformer makes of the inputs."""
        before = len(self.scope.operators)
        outputs = list(_parse_sklearn(self.scope, transformer, list(inputs)))
        for operator in list(self.scope.operators.values())[before:]:
            operator.infer_types()  # skl2onnx does so later, but the classifier checks the number of columns now
        return outputs

    def variable(self, value, like, n_columns):
        """A value as the input of another estimator, in the type of the variable `like`."""
        kind = DoubleTensorType if source_of(like) == np.float64 else FloatTensorType
        variable = self.scope.declare_local_variable("between", kind([None, n_columns]))
        self.container.add_node("Cast", [value], [variable.full_name], to=guess_proto_type(variable.type))
        return variable

    def matrix(self, inputs):
        """The inputs side by side, and their type: one matrix, or a column for each variable of a frame."""
        return self.side_by_side([(variable.full_name, source_of(variable)) for variable in inputs])

    def side_by_side(self, parts):
        """Pairs of names and types as one matrix and its type."""
        source = np.result_type(*[kind for _, kind in parts])
        names = [self.cast(name, source) for name, _ in parts]
        return names[0] if len(names) == 1 else self("Concat", *names, axis=1), source

    def columns(self, inputs):
        """The columns of the inputs, (n, 1) each: pairs of names and types; the type of words is None."""
        found = []
        for variable in inputs:
            kind = None if isinstance(variable.type, StringTensorType) else source_of(variable)
            width = variable.type.shape[1]
            if width is None:
                raise ValueError(f"{variable.raw_name} has an unknown number of columns: name it in initial_types, as [None, 1].")
            names = [variable.full_name] if width == 1 else [self.column(variable.full_name, j) for j in range(width)]
            found += [(name, kind) for name in names]
        return found

    # ---- results ---------------------------------------------------------------------------------------------------

    def classes(self):
        """The user's labels, or with the option `nocl` their positions."""
        classes = np.asarray(get_label_classes(self.scope, self.operator.raw_operator))
        return classes if classes.dtype.kind in "OU" else classes.astype(np.int64)

    def finish(self, labels, scores):
        """Name the results as the operator's outputs, the scores in the type that skl2onnx has promised."""
        label, probabilities = self.operator.outputs
        self.container.add_node("Identity", [labels], [label.full_name])
        self.container.add_node("Cast", [scores], [probabilities.full_name], to=guess_proto_type(probabilities.type))


def source_of(variable):
    """The NumPy type in which `predict` reads such a column."""
    if isinstance(variable.type, StringTensorType):
        raise ValueError(f"{variable.raw_name} holds strings: encode them before the classifier, as for fit.")
    whole = isinstance(variable.type, (Int64TensorType, BooleanTensorType))
    return np.float64 if whole or isinstance(variable.type, DoubleTensorType) else np.float32


def check_width(model, inputs):
    """Whether the graph brings the columns that the classifier was fitted on, as far as skl2onnx knows them."""
    widths = [variable.type.shape[1] if len(variable.type.shape) == 2 else None for variable in inputs]
    expected = getattr(model, "n_features_in_", None)
    if expected is not None and all(isinstance(width, int) for width in widths) and sum(widths) != expected:
        raise ValueError(
            f"{type(model).__name__} was fitted on {expected} columns, and the graph brings it {sum(widths)}. skl2onnx leaves "
            "out columns that some transformers make: of SimpleImputer(add_indicator=True) the indicators. Make these columns "
            "before the graph, or fit without them."
        )

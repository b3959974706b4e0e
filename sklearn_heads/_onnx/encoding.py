"""Columns on their way into a network: what `_core/rows.h` does to a row, and which look-ups its categories have.

A category comes as its text, or as its number. A gap is NaN; among texts, which have no NaN in ONNX, it is the empty string.
"""
from __future__ import annotations

import numpy as np

FAR = 1e18  # far beyond the bound, and its square is a float32


def read_columns(graph, estimator, inputs):
    """The numeric columns side by side, their type, and the categorical columns, each (n, 1)."""
    categorical = estimator.is_categorical_
    if categorical is None:
        return *graph.matrix(inputs), []
    columns = graph.columns(inputs)
    numbers = [column for column, is_category in zip(columns, categorical) if not is_category]
    for name, kind in numbers:
        if kind is None:
            raise ValueError(f"{name} is a column of words, and the classifier was fitted on numbers there.")
    X, source = graph.side_by_side(numbers) if numbers else (None, np.dtype(np.float64))
    return X, source, [column for column, is_category in zip(columns, categorical) if is_category]


def encode(graph, encoding, X, source, categories, dtype):
    """The inputs of the network."""
    arrays = encoding.arrays_for(np.result_type(source, dtype), dtype)
    parts = [] if X is None else encode_numbers(graph, arrays, X, source, dtype)
    if categories:
        present = [look_ups(graph, *pair, len(arrays["base"])) for pair in zip(categories, encoding.lookups_)]
        present = graph.cast(present[0] if len(present) == 1 else graph("Sum", *present), dtype)
        parts.append(graph("Add", graph("Mul", present, arrays["values"]), arrays["base"]))
    return parts[0] if len(parts) == 1 else graph("Concat", *parts, axis=1)


def encode_numbers(graph, arrays, X, source, dtype):
    """Columns, their bins and their gap indicators, as far as there are any."""
    wide = graph.typed(np.result_type(source, dtype))
    x = graph.cast(X, wide.dtype)
    missing = graph("IsNaN", x)
    used, used_missing = x, missing
    if "columns" in arrays:
        used, used_missing = (graph("Gather", each, arrays["columns"], axis=1) for each in (x, missing))
    if "fill" in arrays:
        parts = [graph.cast(graph("Where", used_missing, arrays["fill"], used), dtype)]
    else:
        z = wide("Mul", wide("Sub", used, arrays["mean"]), arrays["factor"])
        z = graph.cast(wide("Where", used_missing, 0, z), dtype)
        parts = [z] if "bound" not in arrays else bounded_and_binned(graph, arrays, z)
    if "gaps" in arrays:
        absent, present = arrays["gap_values"]
        parts.append(graph("Where", graph("Gather", missing, arrays["gaps"], axis=1), present, absent))
    return parts


def bounded_and_binned(graph, arrays, z):
    z = graph("Clip", z, -FAR, FAR)
    parts = [graph("Div", z, graph("Sqrt", graph("Add", graph("Mul", graph("Mul", z, z), arrays["bound"] ** -2), 1)))]
    if "low" in arrays:
        repeated = graph("Gather", z, np.concatenate([np.arange(m) for m in arrays["binned"]]), axis=1)
        rise = graph("Mul", graph("Sub", repeated, arrays["low"]), arrays["slope"])
        parts.append(graph("Sub", graph("Clip", rise, 0, 1), 0.5))
    return parts


def look_ups(graph, column, lookups, n_lookups):
    """1.0 where a row has a look-up, (n, L): of one categorical column."""
    graph, (name, kind) = graph.typed(np.float64), column
    table = np.eye(n_lookups + 1, n_lookups)  # look-up -1, none, is the last row: zeros
    if kind is None:  # texts
        words = {str(value): number for value, number in lookups.of.items()}
        keys = {"": lookups.gap, **words}
        codes = graph(
            "LabelEncoder", name, op_domain="ai.onnx.ml", op_version=2, keys_strings=list(keys),
            values_int64s=list(keys.values()), default_int64=lookups.other,
        )
        return graph("Gather", table, graph("Reshape", codes, np.array([-1])), axis=0)
    if any(isinstance(value, str) for value in lookups.of):
        word = next(iter(lookups.of))
        raise ValueError(f"{name} is a column of numbers, and the classifier was fitted on words there, such as {word!r}.")
    x = graph.cast(name, np.float64)
    known = graph.cast(graph("Equal", x, np.array([[float(value) for value in lookups.of]])), np.float64)
    missing = graph.cast(graph("IsNaN", x), np.float64)
    other = graph("Sub", graph("Sub", 1, graph.row_sums(known)), missing)
    rows = graph("Concat", known, missing, other, axis=1)
    return graph("MatMul", rows, table[[*lookups.of.values(), lookups.gap, lookups.other]])

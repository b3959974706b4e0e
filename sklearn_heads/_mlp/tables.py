"""Tables: which columns of X are categories, and both kinds of columns read into arrays.

A Table knows nothing of a fit: its codes point into the values that occur in these rows. What a fit makes of a category is said
in `categories.py`.
"""
from __future__ import annotations

from functools import cached_property
from numbers import Integral, Real

import numpy as np

DATES = (
    "{name} holds dates or durations, and the network reads numbers and categories: let skrub take the table apart "
    "(make_pipeline(skrub.TableVectorizer(), ...), or skrub.DatetimeEncoder for the column), or compute numbers from it."
)


class Table:
    """Rows of a table with categorical columns.

    Attributes
    ----------
    numbers : ndarray (n, d_num) of float32 or float64, C-contiguous
        The other columns, in their order; NaN is a gap.
    codes : ndarray (n, n_cat) of int32
        For each categorical column the position of the row's value among `values`; -1 is a gap.
    values : list of n_cat lists of str, bool, int or float
    is_categorical : ndarray (d,) of bool
    """

    def __init__(self, numbers, codes, values, is_categorical):
        self.numbers, self.codes, self.values, self.is_categorical = numbers, codes, values, is_categorical
        self.shape, self.dtype = (len(numbers), len(is_categorical)), numbers.dtype

    def __getitem__(self, rows):
        return Table(self.numbers[rows], self.codes[rows], self.values, self.is_categorical)

    @staticmethod
    def joined(tables):
        """The rows of several tables of the same columns."""
        values = [list(dict.fromkeys(value for of_one in of_all for value in of_one))
                  for of_all in zip(*(table.values for table in tables))]
        codes = [np.empty_like(table.codes) for table in tables]
        for c, of_all in enumerate(values):
            place = {value: code for code, value in enumerate(of_all)}
            for table, renumbered in zip(tables, codes):
                numbers = np.array([*(place[value] for value in table.values[c]), -1], dtype=np.int32)
                renumbered[:, c] = numbers[table.codes[:, c]]
        numbers = np.concatenate([table.numbers for table in tables])
        return Table(numbers, np.concatenate(codes), values, tables[0].is_categorical)


def is_frame(X):
    """Whether X is a pandas or polars DataFrame."""
    return hasattr(X, "iloc") or hasattr(X, "get_columns")


def columns_of(X, names=None):
    """The columns of a frame or an array, each with the name that errors call it by."""
    if hasattr(X, "iloc"):
        series = [X.iloc[:, j] for j in range(X.shape[1])]  # by position: names may occur twice
        names = list(X.columns)
    elif is_frame(X):
        series, names = X.get_columns(), X.columns
    else:
        series = list(X.T)
    return [Column(one, f"column {j if names is None else repr(names[j])}") for j, one in enumerate(series)]


def is_plain(X):
    """Whether a frame is all NumPy numbers, which NumPy reads at once; or sparse, which becomes a sparse matrix."""
    if hasattr(X, "iloc"):
        numbers = all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in X.dtypes)
        return numbers or all(str(dtype).startswith("Sparse") for dtype in X.dtypes)
    return all(dtype.is_float() or dtype.is_integer() for dtype in X.dtypes)


def choose(features, columns, names):
    """Which of the columns are categorical: a mask (d,).

    features : "from_dtype", None, or the user's names, indices or mask.
    """
    if features is None:
        return np.zeros(len(columns), dtype=bool)
    if isinstance(features, str):
        return np.array([column.is_category for column in columns], dtype=bool)
    chosen, mask = np.asarray(features), np.zeros(len(columns), dtype=bool)
    if chosen.dtype == object and len(chosen) and all(isinstance(name, str) for name in chosen):
        chosen = chosen.astype(str)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "biuU"):
        raise ValueError(
            f"categorical_features={features!r}: give names, indices or a mask of columns, 'from_dtype' or None."
        )
    if chosen.dtype.kind == "b":
        if len(chosen) != len(columns):
            raise ValueError(f"categorical_features is a mask of {len(chosen)} columns, and X has {len(columns)}.")
        return chosen
    if chosen.dtype.kind == "U":
        if names is None:
            raise ValueError("categorical_features names columns, and X has no column names: give indices, or a DataFrame.")
        known = [str(name) for name in names]
        unknown = [name for name in chosen.tolist() if name not in known]
        if unknown:
            raise ValueError(f"categorical_features names {unknown}, which X does not have; it has {known[:20]}.")
        chosen = [known.index(name) for name in chosen.tolist()]
    elif chosen.size and not (chosen.min() >= 0 and chosen.max() < len(columns)):
        wrong = chosen[(chosen < 0) | (chosen >= len(columns))].tolist()
        raise ValueError(f"categorical_features has the indices {wrong}, and X has columns 0 to {len(columns) - 1}.")
    mask[np.asarray(chosen, dtype=np.intp)] = True
    return mask


def read_table(columns, is_categorical, n_rows):
    """The columns as a Table; for a mask without a True the numbers alone."""
    numeric = [column for column, is_category in zip(columns, is_categorical) if not is_category]
    categorical = [column for column, is_category in zip(columns, is_categorical) if is_category]
    single = bool(numeric) and all(column.dtype == np.float32 for column in numeric)
    numbers = np.empty((n_rows, len(numeric)), dtype=np.float32 if single else np.float64)
    for j, column in enumerate(numeric):
        numbers[:, j] = column.numbers()
        if np.isinf(numbers[:, j]).any():
            raise ValueError(f"Input X contains infinity or a value too large for {numbers.dtype}: {column.name}.")
    if not categorical:
        return numbers
    codes = np.empty((n_rows, len(categorical)), dtype=np.int32)
    for c, column in enumerate(categorical):
        codes[:, c] = column.categories[0]
    return Table(numbers, codes, [column.categories[1] for column in categorical], np.asarray(is_categorical))


class Column:
    """A column as the user gave it: a pandas or polars Series, or a vector."""

    def __init__(self, series, name):
        self.series, self.name, self.dtype = series, name, series.dtype

    @cached_property
    def kind(self):
        """The kind of its type, as NumPy's: "b", "i", "u", "f" are numbers, "M" dates, "O" whatever its values are."""
        if hasattr(self.dtype, "is_numeric"):  # polars
            if self.dtype.is_temporal():
                return "M"
            return "f" if self.dtype.is_numeric() or str(self.dtype) in ("Boolean", "Null") else "O"
        if getattr(self.dtype, "name", "").startswith(("period", "interval")):
            return "M" if self.dtype.name.startswith("period") else "O"
        return getattr(self.dtype, "kind", "O")

    @cached_property
    def is_category(self):
        """Whether its type, or that of its values where the type does not say, is that of a category."""
        if self.kind in "biuf":
            return False
        if str(self.dtype).startswith(("category", "Categorical", "Enum")):
            return True
        return any(isinstance(value, str) for value in self.categories[1])

    @cached_property
    def categories(self):
        """Codes (n,), -1 for a gap, and the list of the values they stand for."""
        if self.kind in "Mm":
            raise ValueError(DATES.format(name=self.name))
        try:
            if hasattr(self.series, "factorize"):  # pandas
                codes, values = self.series.factorize()
                codes, values = codes.astype(np.int32), values.tolist()
            else:
                codes, values = factorize(self.series)
        except TypeError:
            raise ValueError(
                f"{self.name} holds lists or other values that are neither numbers nor words: take them apart into columns of "
                "their own."
            ) from None
        values = [self._value(value) for value in values]
        words = [value for value in values if isinstance(value, str)]
        if 0 < len(words) < len(values):
            number = next(value for value in values if not isinstance(value, str))
            raise ValueError(
                f"{self.name} holds words and numbers, {words[0]!r} and {number!r}: make it one kind, with astype(str) if they "
                "are names, with pandas.to_numeric(..., errors='coerce') if they are numbers."
            )
        return codes, values

    def _value(self, value):
        """A value as it is kept, that of a category type in words where it is neither a number nor words."""
        if isinstance(value, str):
            return str(value)
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        if isinstance(value, Integral):
            return int(value)
        if isinstance(value, Real) or type(value).__name__ == "Decimal":
            return float(value)
        if str(self.dtype) == "category":
            return str(value)
        if hasattr(value, "isoformat") or hasattr(value, "total_seconds"):
            raise ValueError(DATES.format(name=self.name))
        raise ValueError(
            f"{self.name} holds values of the type {type(value).__name__}, {value!r}: the network reads numbers and words."
        )

    def numbers(self):
        """Its values as floats, NaN for a gap."""
        if self.kind not in "biuf":
            words = [value for value in self.categories[1] if isinstance(value, str)]
            if words:
                raise ValueError(
                    f"{self.name} holds words ({words[0]!r}), and is not among the categorical columns: could not convert string "
                    "to float. Name it in categorical_features, or leave that at 'from_dtype' and give a DataFrame."
                )
            codes, values = self.categories
            return np.array([*values, np.nan], dtype=np.float64)[codes]
        if hasattr(self.series, "iloc"):
            return self.series.to_numpy(dtype=np.float64 if self.dtype != np.float32 else np.float32, na_value=np.nan)
        values = self.series.to_numpy() if hasattr(self.series, "to_numpy") else self.series
        return values if values.dtype.kind == "f" else values.astype(np.float64)


def factorize(values):
    """Codes of the distinct values in the order in which they come, -1 for None and NaN, and the list of the values."""
    seen, codes = {}, np.empty(len(values), dtype=np.int32)
    for i, value in enumerate(values.to_list() if hasattr(values, "to_list") else values.tolist()):
        codes[i] = -1 if is_gap(value) else seen.setdefault(value, len(seen))
    return codes, list(seen)


def is_gap(value):
    """Whether a value is missing: None, NaN, pandas' NA and NaT."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, Real) and value != value)

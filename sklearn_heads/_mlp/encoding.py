"""What happens to X on its way into the network: checked and fitted here, applied a batch at a time in the core.

"piecewise" turns each column into values a network learns from easily:

    two-valued columns      (x - mean) / half range
    others                  (x - mean) / standard deviation, and for columns of enough distinct values also bins: quantile bin b
                            rises from -1/2 to 1/2 while x crosses it and is flat outside, so that a weighted sum of the bins
                            is any piecewise-linear function of the column (Gorishniy et al. 2022)
    constant columns        left out
    finally                 z / sqrt(1 + (z / 3)^2): a far-out value, seen first at prediction, cannot exceed 3

"standard" is centring and scaling alone. Sparse X is scaled only, by either: centring would fill it.
"""
from __future__ import annotations

from copy import copy

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_heads._core.rows import RowEncoding, Rows
from sklearn_heads._mlp.bins import Bins
from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks

BOUND = 3.0
FEW_BINS = Bins("quantiles", least=3, most=3, together=512)


TINY_VARIANCE = 1e-290  # below it, variances are zero or have lost digits


class InputEncoding:
    """The encoding of X, fitted.

    Parameters
    ----------
    kind : "piecewise", "standard" or None
    bins : Bins or None
        Of "piecewise", by quantiles; None for none, until `with_bins` says otherwise.

    Attributes
    ----------
    columns_ : ndarray (c,) of int32
        The columns of X that are used.
    mean_, scale_ : ndarrays (c,) of float64, or None
        z = (x - mean_) / scale_.
    two_valued_ : ndarray (c,) of bool
    ramps_ : list of m ndarrays (b, 2) of float64
        The bins, rising and in units of x, that the first m of `columns_` have; the others have none. A bin's feature rises
        from -1/2 to 1/2 while x goes from its first number to its second. Columns of most bins come first.
    """

    def __init__(self, kind, bins=FEW_BINS):
        self.kind, self.bins = kind, bins
        self.mean_ = self.scale_ = None
        self._checked = None  # for the last precisions: to cast and check per row would cost more than the network

    def __getstate__(self):
        return {**vars(self), "_checked": None}

    def __repr__(self):
        return f"InputEncoding({self.kind!r})"

    def fit(self, X, weights=None, in_portions=False):
        """Take weighted statistics of X, a block of rows at a time.

        in_portions: X is only the first of the rows, so a column that is constant here may vary later, and stays.
        """
        d = X.shape[1]
        self.columns_, self.two_valued_ = np.arange(d, dtype=np.int32), np.zeros(d, dtype=bool)
        self.constant_ = self.two_valued_
        self.ramps_ = []
        self.n_features_, self.is_sparse_ = d, sparse.issparse(X)
        if self.kind is None:
            return self
        if weights is not None:  # of mean one: StandardScaler's test for constant columns reads them as a number of rows
            weights = weights / weights.mean()
        scaler = StandardScaler(with_mean=not self.is_sparse_)
        a_row = max(1, X.nnz // X.shape[0]) if self.is_sparse_ else d
        for block in blocks(X.shape[0], max(BLOCK_VALUES, 32 * d) // a_row):  # each block costs something a column, too
            some = X[block].astype(np.float64, copy=False)  # of sparse float32, it would add up variances in float32
            with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at below
                scaler.partial_fit(some, sample_weight=None if weights is None else weights[block])
        self.scale_ = np.maximum(scaler.scale_, np.finfo(X.dtype).tiny)  # whose reciprocal X's precision holds
        self.mean_ = np.zeros(d) if self.is_sparse_ else scaler.mean_
        for j in np.flatnonzero(scaler.var_ < TINY_VARIANCE):
            self._rescale_tiny(X, j, weights)
        hopeless = np.flatnonzero(~np.isfinite([self.mean_, self.scale_, scaler.var_]).all(axis=0))
        if len(hopeless):
            raise ValueError(f"columns {hopeless.tolist()} of X hold values too large to scale: rescale them first.")
        if self.kind == "piecewise" and not self.is_sparse_:
            self._fit_piecewise(X, weights, in_portions)
        return self

    def _rescale_tiny(self, X, j, weights):
        """Statistics of a column whose values are so small that their squares are zero: in units of the largest."""
        x = X[:, [j]].toarray().ravel() if self.is_sparse_ else X[:, j]
        largest = np.abs(x).max().astype(np.float64)
        if largest > np.sqrt(TINY_VARIANCE) or x.min() == x.max():
            return
        x = x / largest
        mean = 0.0 if self.is_sparse_ else np.average(x, weights=weights)
        spread = np.sqrt(np.average((x - np.average(x, weights=weights)) ** 2, weights=weights))
        self.mean_[j] = mean * largest
        self.scale_[j] = max(spread * largest, np.finfo(X.dtype).tiny)

    def _fit_piecewise(self, X, weights, in_portions):
        low, high = X.min(axis=0), X.max(axis=0)
        two_valued = np.ones(X.shape[1], dtype=bool)
        for block in blocks(X.shape[0], BLOCK_VALUES // X.shape[1]):
            two_valued &= ((X[block] == low) | (X[block] == high)).all(axis=0)
        used = (low < high) | in_portions
        if not used.any():  # nothing to learn from, but a network needs an input
            used[0] = True
        self.columns_ = np.flatnonzero(used).astype(np.int32)
        self.constant_ = ~(low < high)[used]
        self.two_valued_ = two_valued[used] & ~self.constant_
        half_range = np.maximum((high[used].astype(np.float64) - low[used]) / 2, np.finfo(X.dtype).tiny)
        self.mean_ = self.mean_[used]
        self.scale_ = np.where(self.two_valued_, half_range, self.scale_[used])

        if self.bins is not None:
            self._set_ramps(self.bins, X, weights=weights)

    @property
    def takes_bins(self):
        """Whether there is a column that may have bins."""
        return self.kind == "piecewise" and not self.is_sparse_ and len(self._numbers) > 0

    @property
    def _numbers(self):
        """Positions, among the columns that are used, of those that may have bins."""
        return np.flatnonzero(~self.two_valued_ & ~self.constant_)

    def with_bins(self, bins, X, rows=None, weights=None, strata=None):
        """This encoding with other bins, their edges taken from these rows of X (and their strata): means and spreads stay."""
        if not self.takes_bins:
            return self
        other = copy(self)
        other.bins, other._checked = bins, None
        other._set_ramps(bins, X, rows, weights, strata)
        return other

    def _set_ramps(self, bins, X, *of_rows, **others):
        """Bins for the columns that may have some; those of most bins come first, so that the core finds them side by side."""
        numbers, kept = self._numbers, {}
        ramps = bins.ramps(X, self.columns_[numbers], self.scale_[numbers], *of_rows, **others)
        for position, of_column in zip(numbers, ramps):
            # Told apart once they are scaled, by slopes that float32 holds: beside 1e30, numbers around 1 are one number.
            z = (of_column - self.mean_[position]) / self.scale_[position]
            widths, least = np.diff(z, axis=1), np.finfo(np.float32).tiny
            if len(widths) and ((least < widths) & (widths < 1 / least)).all():
                kept[position] = of_column
        binned = sorted(kept, key=lambda position: (-len(kept[position]), position))
        order = np.array(binned + [p for p in range(len(self.columns_)) if p not in kept], dtype=np.intp)
        self.columns_, self.two_valued_, self.constant_ = self.columns_[order], self.two_valued_[order], self.constant_[order]
        self.mean_, self.scale_ = self.mean_[order], self.scale_[order]
        self.ramps_ = [kept[position] for position in binned]

    @property
    def width(self):
        """Number of encoded values a row: inputs of the network."""
        return len(self.columns_) + sum(map(len, self.ramps_))

    def rows(self, X, dtype, **targets):
        """X as the core reads it, with this encoding and these targets."""
        if self.kind is not None and sparse.issparse(X) and not self.is_sparse_:  # fitted on dense rows: zeros have their place
            X = X.toarray()
        checked = self._checked  # read once: another thread may ask for another precision meanwhile
        if checked is None or (checked.source, checked.dtype) != (X.dtype, dtype):
            arrays = self.arrays_for(np.result_type(X.dtype, dtype), np.dtype(dtype)) if self.kind else {}
            checked = self._checked = RowEncoding(self.n_features_, X.dtype, dtype, **arrays)
        return Rows(X, checked, **targets)

    def arrays_for(self, wide, dtype):
        """The fitted state in the precisions that the core wants: scaling in the wider one, bins in the network's."""
        arrays = {"mean": self.mean_.astype(wide), "factor": (1 / self.scale_).astype(wide)}
        if self.kind == "standard" or self.is_sparse_:
            return arrays
        if not np.array_equal(self.columns_, np.arange(self.n_features_)):
            arrays["columns"] = self.columns_
        if self.ramps_:
            counts = np.array([len(ramps) for ramps in self.ramps_])
            low, high = np.zeros((2, counts[0], len(counts)))
            for column, ramps in enumerate(self.ramps_):
                low[: len(ramps), column], high[: len(ramps), column] = (
                    (ramps - self.mean_[column]) / self.scale_[column]).T
            there = np.arange(counts[0])[:, None] < counts  # bin by bin
            arrays["binned"] = there.sum(axis=1, dtype=np.int32)
            low, high = low[there], high[there]
            arrays.update(low=low.astype(dtype), slope=(1 / (high - low)).astype(dtype))
        return {**arrays, "bound": BOUND}

    def fold(self, coefs, intercepts):
        """Weights for X as the user has it, where there are such: centring and scaling folded into the first layer.

        ((x - mean) / scale) W + b  =  x (W / scale) + (b - (mean / scale) W)
        """
        if self.kind != "standard":
            return coefs, intercepts
        first, bias = coefs[0].astype(np.float64), intercepts[0].astype(np.float64)
        folded = first / self.scale_[:, None]
        return (
            [_read_only(folded.astype(coefs[0].dtype)), *coefs[1:]],
            [_read_only((bias - self.mean_ @ folded).astype(coefs[0].dtype)), *intercepts[1:]],
        )

    def unfold(self, coefs, intercepts):
        """Weights for the encoded values: the inverse of `fold`."""
        if self.kind != "standard":
            return coefs, intercepts
        first = coefs[0].astype(np.float64)
        return [first * self.scale_[:, None], *coefs[1:]], [intercepts[0] + self.mean_ @ first, *intercepts[1:]]

    def describe(self, feature_names=None):
        """What happened to each column, in words.

        Parameters
        ----------
        feature_names : sequence of d str, optional

        Returns
        -------
        list of d str
        """
        names = [f"column {j}" for j in range(self.n_features_)] if feature_names is None else feature_names
        words = dict.fromkeys(range(self.n_features_), "constant: left out" if self.kind else "as it is")
        for position, j in enumerate(self.columns_ if self.kind else ()):
            mean, scale = self.mean_[position], self.scale_[position]
            unit = "half its range" if self.two_valued_[position] else "its spread"
            words[j] = f"minus {mean:.4g}, divided by {unit} {scale:.4g}"
            if position < len(self.ramps_):
                ramps = self.ramps_[position]
                adjoin = self.bins.by != "steps"
                at = [*ramps[:, 0], ramps[-1, 1]] if adjoin else ramps.mean(axis=1)
                words[j] += f", and {len(ramps)} {'bins between' if adjoin else 'steps at'} " + ", ".join(f"{x:.4g}" for x in at)
        return [f"{names[j]}: {words[j]}" for j in range(self.n_features_)]


def _read_only(array):
    """An array computed for the caller: what is written into it would be lost, so it cannot be."""
    array.flags.writeable = False
    return array

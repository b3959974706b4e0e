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

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_heads._core.batch import Rows, roomy
from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks

BOUND = 3.0
N_BINS = 3  # a column of fewer distinct bins gets none
MOST_ADDED = 512  # bins of all columns together: cost grows with them; beyond, there are none

# Rows from which quantiles are taken: beyond these, every second, third, ... row says the same.
QUANTILE_ROWS = 20_000


class InputEncoding:
    """The encoding of X, fitted.

    Parameters
    ----------
    kind : "piecewise", "standard" or None

    Attributes
    ----------
    columns_ : ndarray (c,) of int32
        The columns of X that are used.
    mean_, scale_ : ndarrays (c,) of float64, or None
        z = (x - mean_) / scale_.
    two_valued_ : ndarray (c,) of bool
    edges_ : ndarray (n_bins + 1, m) of float64
        Edges, rising and in units of x, of the bins that the first m of `columns_` have; the others have none.
    """

    def __init__(self, kind):
        self.kind = kind
        self.mean_ = self.scale_ = None
        self._arrays = None  # of the last precisions asked for: a row at a time, casting would cost more than the network

    def __getstate__(self):
        return {**vars(self), "_arrays": None}

    def __repr__(self):
        return f"InputEncoding({self.kind!r})"

    def fit(self, X, weights=None, in_portions=False):
        """Take weighted statistics of X, a block of rows at a time.

        in_portions: X is only the first of the rows, so a column that is constant here may vary later, and stays.
        """
        d = X.shape[1]
        self.columns_, self.two_valued_ = np.arange(d, dtype=np.int32), np.zeros(d, dtype=bool)
        self.edges_ = np.empty((1, 0))
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
        hopeless = np.flatnonzero(~np.isfinite([self.mean_, self.scale_, scaler.var_]).all(axis=0))
        if len(hopeless):
            raise ValueError(f"columns {hopeless.tolist()} of X hold values too large to scale: rescale them first.")
        if self.kind == "piecewise" and not self.is_sparse_:
            self._fit_piecewise(X, weights, in_portions)
        return self

    def _fit_piecewise(self, X, weights, in_portions):
        low, high = X.min(axis=0), X.max(axis=0)
        two_valued = np.ones(X.shape[1], dtype=bool)
        for block in blocks(X.shape[0], BLOCK_VALUES // X.shape[1]):
            two_valued &= ((X[block] == low) | (X[block] == high)).all(axis=0)
        used = (low < high) | in_portions
        if not used.any():  # nothing to learn from, but a network needs an input
            used[0] = True
        self.columns_ = np.flatnonzero(used).astype(np.int32)
        self.two_valued_ = two_valued[used] & (low < high)[used]
        half_range = np.maximum((high[used].astype(np.float64) - low[used]) / 2, np.finfo(X.dtype).tiny)
        self.mean_ = self.mean_[used]
        self.scale_ = np.where(self.two_valued_, half_range, self.scale_[used])

        candidates = np.flatnonzero(~self.two_valued_ & (low < high)[used])
        if N_BINS * len(candidates) > MOST_ADDED:
            return
        step = max(1, X.shape[0] // QUANTILE_ROWS)
        sampled = X[::step], None if weights is None else weights[::step]
        edges = [np.empty((N_BINS + 1, 0))]
        for some in blocks(len(candidates), BLOCK_VALUES // len(sampled[0])):
            edges.append(quantiles(sampled[0][:, self.columns_[candidates[some]]], N_BINS, sampled[1]))
        edges = np.concatenate(edges, axis=1, dtype=np.float64)
        # Told apart once they are scaled, by slopes that float32 holds: beside 1e30, numbers around 1 are one number.
        widths, least = np.diff((edges - self.mean_[candidates]) / self.scale_[candidates], axis=0), np.finfo(np.float32).tiny
        distinct = ((least < widths) & (widths < 1 / least)).all(axis=0)
        binned = candidates[distinct]
        if len(binned):  # their columns come first, so that the core finds them side by side
            others = np.setdiff1d(np.arange(len(self.columns_)), binned)
            order = np.concatenate([binned, others])
            self.columns_, self.two_valued_ = self.columns_[order], self.two_valued_[order]
            self.mean_, self.scale_ = self.mean_[order], self.scale_[order]
            self.edges_ = np.ascontiguousarray(edges[:, distinct])

    @property
    def width(self):
        """Number of encoded values a row: inputs of the network."""
        return len(self.columns_) + (len(self.edges_) - 1) * self.edges_.shape[1]

    def rows(self, X, dtype, **targets):
        """X as the core reads it, with this encoding and these targets."""
        if self.kind is None:
            return Rows(X, dtype, **targets)
        if sparse.issparse(X) and not self.is_sparse_:  # fitted on dense rows, so zeros have a place of their own
            X = X.toarray()
        key = X.dtype, np.dtype(dtype)
        arrays = self._arrays  # read once: another thread may ask for another precision meanwhile
        if arrays is None or arrays[0] != key:
            arrays = self._arrays = key, self.arrays_for(np.result_type(*key), key[1])
        return Rows(X, dtype, **arrays[1], **targets)

    def arrays_for(self, wide, dtype):
        """The fitted state in the precisions that the core wants: scaling in the wider one, bins in the network's."""
        arrays = {"mean": self.mean_.astype(wide), "factor": (1 / self.scale_).astype(wide)}
        if self.kind == "standard" or self.is_sparse_:
            return arrays
        if not np.array_equal(self.columns_, np.arange(self.n_features_)):
            arrays["columns"] = self.columns_
        m = self.edges_.shape[1]
        if m:
            z = (self.edges_ - self.mean_[:m]) / self.scale_[:m]  # edges in units of z
            arrays.update(low=roomy(z[:-1].astype(dtype)), slope=roomy((1 / np.diff(z, axis=0)).astype(dtype)))
        return {**arrays, "bound": BOUND}

    def fold(self, coefs, intercepts):
        """Weights for X as the user has it, where there are such: centring and scaling folded into the first layer.

        ((x - mean) / scale) W + b  =  x (W / scale) + (b - (mean / scale) W)
        """
        if self.kind != "standard":
            return coefs, intercepts
        first, bias = coefs[0].astype(np.float64), intercepts[0].astype(np.float64)
        folded = first / self.scale_[:, None]
        moved = bias - self.mean_ @ folded
        return (
            [folded.astype(coefs[0].dtype), *coefs[1:]],
            [moved.astype(coefs[0].dtype), *intercepts[1:]],
        )

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
            if position < self.edges_.shape[1]:
                edges = self.edges_[:, position]
                words[j] += f", and {N_BINS} bins between " + ", ".join(f"{edge:.4g}" for edge in edges)
        return [f"{names[j]}: {words[j]}" for j in range(self.n_features_)]


def quantiles(x, n, weights=None):
    """The 0, 1/n, ..., 1 quantiles of each column of x: the smallest value at which the weighted share reaches them.

    A weight of two counts as the value twice, and scaling all weights changes nothing.
    """
    wanted = np.arange(n + 1) / n * (1 - 1e-12)
    if weights is None:
        return np.sort(x, axis=0)[np.maximum(np.ceil(wanted * len(x)).astype(np.intp) - 1, 0)]
    order = np.argsort(x, axis=0, kind="stable")
    share = np.cumsum(weights[order], axis=0)
    below = np.stack([(share < w * share[-1]).sum(axis=0) for w in wanted])
    return np.take_along_axis(x, np.take_along_axis(order, below, axis=0), axis=0)

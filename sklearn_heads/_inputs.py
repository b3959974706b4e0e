"""What happens to X on its way into the network: fitted here, applied a batch at a time in the core."""
from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from sklearn_heads._core.batch import Rows

# Rows whose statistics are taken at once: enough to be quick, few enough to add nothing to the memory that X takes.
BLOCK = 4096


class InputEncoding:
    """Centre and scale the columns of X, or leave them as they are.

    Sparse X is scaled, not centred: centring would fill it.

    Parameters
    ----------
    kind : "standard" or None

    Attributes
    ----------
    mean_, scale_ : ndarrays (d,) of float64, or None
        An encoded value is (x - mean_) / scale_; constant columns have scale 1.
    """

    def __init__(self, kind):
        self.kind = kind
        self.mean_ = self.scale_ = None

    def fit(self, X, weights=None):
        """Take weighted statistics of X, a block of rows at a time."""
        if self.kind == "standard":
            scaler = StandardScaler(with_mean=not sparse.issparse(X))
            for block in gen_batches(X.shape[0], BLOCK):
                scaler.partial_fit(X[block], sample_weight=None if weights is None else weights[block])
            self.scale_ = scaler.scale_
            self.mean_ = np.zeros_like(self.scale_) if scaler.mean_ is None else scaler.mean_
        return self

    def rows(self, X, dtype, **targets):
        """X as the core reads it, with this encoding and these targets."""
        if self.kind is None:
            return Rows(X, dtype, **targets)
        wide = np.result_type(X.dtype, dtype)
        return Rows(X, dtype, mean=self.mean_.astype(wide), factor=(1 / self.scale_).astype(wide), **targets)

    def fold(self, coefs, intercepts):
        """Weights for X as the user has it: the encoding folded into the first layer.

        ((x - mean) / scale) W + b  =  x (W / scale) + (b - (mean / scale) W)
        """
        if self.kind is None:
            return coefs, intercepts
        first, bias = coefs[0].astype(np.float64), intercepts[0].astype(np.float64)
        folded = first / self.scale_[:, None]
        moved = bias - self.mean_ @ folded
        return (
            [folded.astype(coefs[0].dtype), *coefs[1:]],
            [moved.astype(coefs[0].dtype), *intercepts[1:]],
        )

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Rows: X, its encoding, the targets and the weights of one call. And how arrays enter the core: `address`, `padded`."""
import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t

from sklearn_heads._core.kernels cimport OVERRUN


def padded(array):
    """A copy that begins on a cache line, with OVERRUN elements of padding behind it.

    A load of 64 bytes that straddles two cache lines takes twice as long, and whole vectors may read past the end.
    """
    cdef Py_ssize_t spare = 64 // array.itemsize
    room = np.zeros(array.size + spare + OVERRUN, dtype=array.dtype)
    first = -(room.ctypes.data // array.itemsize) % spare
    copied = room[first:first + array.size].reshape(array.shape)
    copied[...] = array
    return copied


cdef class Rows:
    """The rows of one call, as the user gave them, and what is done to them on their way into a batch.

    Parameters
    ----------
    X : ndarray (n, d), C-contiguous float32 or float64, or a scipy CSR matrix of such data
    dtype : float32 or float64
        The working precision, that of the network which will read the rows.
    columns : ndarray (c,) of int32, or None
        The columns of X that are used; None for all.
    mean, factor : ndarrays (c,) or None
        A gathered value is (x - mean) * factor; of a sparse row x * factor. In the wider type of X and the working precision.
    bound : float
        Values z become z / sqrt(1 + (z / bound)^2); 0 for no bound.
    binned : ndarray (n_bins,) of int32, not rising, or None
        How many of the used columns, the first of them, have a b-th bin.
    low, slope : ndarrays (sum of binned,) of the working precision, or None
        Bins, appended after all used columns: clip((z - low) * slope, 0, 1) - 1/2, the first of each column, then the second
        of each, ... They go with a bound, and are `padded`.
    ids : ndarray (n,) of int32, class ids; or
    labels : ndarray (n, k) of uint8, 0, 1, or 2 where not known; both None where only predictions are wanted
    weights : ndarray (n,) of dtype or None
        Row weights of mean one.
    label_weights : ndarray (2, k) of dtype or None
        Weights of absent and of present labels; not None where some are not known, which have weight zero.
    entry_weights : ndarray (n, k) of dtype or None
        A factor of each of them; with label_weights.
    """
    def __init__(
        self, X, dtype, *, columns=None, mean=None, factor=None, bound=0.0, binned=None, low=None, slope=None,
        ids=None, labels=None, weights=None, label_weights=None, entry_weights=None,
    ):
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(dtype)
        self.is_sparse = not isinstance(X, np.ndarray)
        indices = X.indices.astype(np.int32, copy=False) if self.is_sparse else None
        indptr = X.indptr.astype(np.int64, copy=False) if self.is_sparse else None
        data = X.data if self.is_sparse else X
        self.kept = (
            data, indices, indptr, columns, mean, factor, binned, low, slope, ids, labels, weights, label_weights,
            entry_weights)
        self.double_source = data.dtype == np.float64
        self.X = address(data)
        self.encoding.n_features = self.n_features
        self.encoding.n_columns = self.n_features if columns is None else columns.size
        self.encoding.columns = <int32_t*> address(columns)
        self.encoding.mean, self.encoding.factor, self.encoding.bound = address(mean), address(factor), bound
        if binned is not None:
            self.encoding.n_bins, self.encoding.n_added = binned.size, low.size
            self.encoding.binned = <int32_t*> address(binned)
            self.encoding.low, self.encoding.slope = address(low), address(slope)
        self.indices, self.indptr = <int32_t*> address(indices), <int64_t*> address(indptr)
        self.ids, self.labels = <int32_t*> address(ids), <uint8_t*> address(labels)
        self.weights, self.label_weights, self.entry_weights = address(weights), address(label_weights), address(entry_weights)

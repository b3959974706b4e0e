# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Rows: what a call brings. Workspace: the arrays of one batch of it. And where arrays of the core begin."""
import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free

from sklearn_heads._core.kernels cimport OVERRUN


def roomy(array):
    """A copy that begins on a cache line, for a load of 64 bytes that straddles two lines takes twice as long, and with room for
    OVERRUN elements behind it, which whole vectors may read."""
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
        of each, ... With a bound, and room behind them: see roomy.
    ids : ndarray (n,) of int32, class ids; or
    labels : ndarray (n, k) of uint8, 0 or 1; both None where only predictions are wanted
    weights : ndarray (n,) of dtype or None
        Row weights of mean one.
    label_weights : ndarray (2, k) of dtype or None
        Weights of absent and of present labels.
    """
    def __init__(
        self, X, dtype, *, columns=None, mean=None, factor=None, bound=0.0, binned=None, low=None, slope=None,
        ids=None, labels=None, weights=None, label_weights=None,
    ):
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(dtype)
        self.is_sparse = not isinstance(X, np.ndarray)
        indices = X.indices.astype(np.int32, copy=False) if self.is_sparse else None
        indptr = X.indptr.astype(np.int64, copy=False) if self.is_sparse else None
        data = X.data if self.is_sparse else X
        self.kept = (
            data, indices, indptr, columns, mean, factor, binned, low, slope, ids, labels, weights, label_weights)
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
        self.weights, self.label_weights = address(weights), address(label_weights)


cdef class Workspace:
    """The arrays of one batch of n rows: its inputs, hidden layers and targets. One a thread of work; a network holds none.

    Parameters
    ----------
    layer_units : tuple of int
        d, the hidden widths, k.
    dtype : the working precision
    n : int
        Rows of the largest batch.
    sparse : bool
        Sparse rows are not gathered: no array for them.
    slopes : bool
        Whether the backward pass needs the activations' derivatives beside them.
    training : bool
        Whether there is a backward pass.
    """

    def __cinit__(self, layer_units, dtype, Py_ssize_t n, bint sparse, bint slopes, bint training):
        cdef Py_ssize_t layer, n_layers = len(layer_units) - 1, k = layer_units[n_layers]
        cdef Py_ssize_t d, h, largest = 0, gradient = 0, rows = n + OVERRUN
        self.itemsize = dtype.itemsize
        self.activations = <char**> calloc(n_layers, sizeof(char*))
        self.slopes = <char**> calloc(n_layers, sizeof(char*))
        self.deltas = <char**> calloc(n_layers + 1, sizeof(char*))
        self.allocated = <void**> calloc(3 * n_layers + 10, sizeof(void*))
        if self.activations == NULL or self.slopes == NULL or self.deltas == NULL or self.allocated == NULL:
            raise MemoryError
        for layer in range(n_layers):
            if layer or not sparse:
                self.activations[layer] = self.take(rows * layer_units[layer] + 2 * OVERRUN)
            if layer and training:
                self.deltas[layer] = self.take(rows * layer_units[layer])
                if slopes:
                    self.slopes[layer] = self.take(n * layer_units[layer])
        if training:
            self.deltas[n_layers] = self.take(rows * k)
        for layer in range(n_layers):
            d, h = layer_units[layer], layer_units[layer + 1]
            if (h < OVERRUN and (layer or not sparse)) or (layer and training):
                largest = max(largest, d * h)
            if training:
                gradient = max(gradient, (d + 1) * h if sparse and layer == 0 else strip(d, h) * h)
        self.scratch = self.take(largest + OVERRUN)
        self.gradient = self.take(gradient)
        self.logits = self.take(n * k)
        self.targets = self.take(n * k)
        self.weights = self.take(n)
        self.cell_weights = self.take(n * k)
        self.loss = self.take(n * k)
        self.ids = <int32_t*> self.take(n)

    def __dealloc__(self):
        cdef Py_ssize_t nth
        if self.allocated != NULL:
            for nth in range(self.n_allocated):
                free(self.allocated[nth])
        free(self.allocated)
        free(self.activations)
        free(self.slopes)
        free(self.deltas)

    cdef char* take(self, Py_ssize_t size) except NULL:
        """Room for so many zeros, from the start of a cache line: see roomy. Prediction of one row waits for this."""
        cdef char* room = <char*> calloc(size * self.itemsize + 64, 1)
        if room == NULL:
            raise MemoryError
        self.allocated[self.n_allocated] = room
        self.n_allocated += 1
        return room + (64 - <size_t> room % 64) % 64

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Rows: X, its encoding, the targets and the weights of one call. And how arrays enter the core: `data_of`, `padded`.

Whatever the core will index is checked here, once, so that no state of an estimator, edited or damaged, makes it read or write
outside an array: the checks say what does not fit, and the loops need none.
"""
import numpy as np

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint8_t, uintptr_t

from sklearn_heads._core.kernels cimport OVERRUN

# Bins per column, in the mean, from which a table of steps (stairs.h) is faster than a product over all bins.
MANY_BINS = 5

KINDS = ("float", "int", "uint")


cdef void* data_of(array, str name, Kind kind, Py_ssize_t itemsize, Py_ssize_t size) except? NULL:
    """The data of an array that holds `size` elements of this type, side by side; NULL for None and where size is 0."""
    cdef Py_buffer view
    cdef bint fits
    cdef void* data
    cdef char code
    if array is None:
        return NULL
    try:
        PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    except (TypeError, BufferError, ValueError):
        raise ValueError(f"{name} is not an array that the core can read: {array!r:.200}") from None
    code = view.format[0] if view.format[1] == 0 else 0  # a byte order other than the machine's takes two characters
    fits = view.itemsize == itemsize and view.len == size * itemsize and <uintptr_t> view.buf % itemsize == 0 and (
        code in b"fd" if kind == REAL else code in b"ilq" if kind == INTEGER else code == b"B")
    data = view.buf
    PyBuffer_Release(&view)
    if not fits:
        raise ValueError(
            f"{name} holds {array.size} values of {array.dtype} where {size} of {KINDS[kind]}{8 * itemsize} belong: the parts of "
            "this estimator do not fit together. Fit it anew, or load the file it came from again."
        )
    return data if size else NULL


cdef int check_order(const Py_ssize_t* order, Py_ssize_t n, Py_ssize_t n_rows) except -1:
    """Each of these numbers must be that of a row."""
    cdef Py_ssize_t i
    cdef bint outside = False
    for i in range(n):
        outside |= <size_t> order[i] >= <size_t> n_rows
    if outside:
        raise ValueError(f"rows are numbered that do not exist: there are {n_rows}")
    return 0


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


def rises_in_turn(binned, low, slope):
    """Whether each column's bins rise one after another: a bin begins where the one before has ended, but for rounding."""
    if not ((slope > 0) & np.isfinite(low)).all():
        return False
    width, at = 1 / slope, np.cumsum(binned)
    slack = 8 * np.finfo(low.dtype).eps * (abs(low) + width)
    for m, start, following in zip(binned[1:], at - binned, at):
        if m > following - start or (low[following:following + m] < (low + width - slack)[start:start + m]).any():
            return False
    return True


cdef class RowEncoding:
    """What is done to rows of X on their way into a batch. One serves many calls, and checks its arrays once for all of them.

    Parameters
    ----------
    n_features : int
        Columns of X.
    source, dtype : float32 or float64
        The type of X, and the working precision, that of the network which will read the rows.
    columns : ndarray (c,) of int32, or None
        The columns of X that are used; None for all. They go with mean and factor.
    mean, factor : ndarrays (c,) or None
        A gathered value is (x - mean) * factor, and 0 for NaN. In the wider type of X and the working precision.
    fill : ndarray (c,) or None
        Without a mean: what NaN counts as.
    bound : float
        Values z become z / sqrt(1 + (z / bound)^2); 0 for no bound.
    binned : ndarray (n_bins,) of int32, or None
        How many of the used columns, the first of them, have a b-th bin. Bins go with a bound.
    low, slope : ndarrays (sum of binned,) of the working precision, or None
        Bins, appended after all used columns: clip((z - low) * slope, 0, 1) - 1/2, the first of each column, then the second
        of each, ...
    gaps, gap_values : ndarrays (g,) of int32 and (2, g) of the working precision, or None
        Columns of X with an indicator of NaN, and its values without and with one. Indicators follow the bins.
    values : ndarray (number of look-ups,) of the working precision, or None
        What the value of a look-up is where it is present, less what it is where absent. Look-ups follow the indicators.
    base : ndarray of the working precision, or None
        What look-ups are where absent; for a sparse X, what all inputs are in a row of zeros. None is zeros.
    place : ndarray (d,) of int32, for a sparse X, or None
        Where each column is among the used ones, -1 for none; None for all in their places.
    is_sparse : bool
        Whether X is a CSR matrix.

    Attributes
    ----------
    width : int
        Encoded values per row: inputs of the network.
    has_stairs : bool
        Whether bins are so many, and rise one after another, that a batch need not spread them out (stairs.h).
    """
    def __cinit__(
        self, Py_ssize_t n_features, source, dtype, *, columns=None, mean=None, factor=None, double bound=0.0, binned=None,
        low=None, slope=None, fill=None, gaps=None, gap_values=None, values=None, base=None, place=None, bint is_sparse=False,
    ):
        cdef Py_ssize_t j, b, c = n_features, n_added = 0, n_dense
        self.source, self.dtype = np.dtype(source), np.dtype(dtype)
        if self.source not in (np.float32, np.float64) or self.dtype not in (np.float32, np.float64):
            raise ValueError(f"the core reads float32 and float64, not {self.source} in {self.dtype}")
        wide = max(self.source.itemsize, self.dtype.itemsize)
        if columns is not None:
            c = columns.size
            self.c.columns = <int32_t*> data_of(columns, "the encoding's columns", INTEGER, 4, c)
            for j in range(c):
                if not 0 <= self.c.columns[j] < n_features:
                    raise ValueError(f"the encoding uses column {self.c.columns[j]} of rows that have {n_features}")
        if (mean is None) != (factor is None) or (mean is None and columns is not None):
            raise ValueError("an encoding has both mean and factor, or neither; one that picks columns has both")
        self.c.mean = data_of(mean, "the encoding's mean", REAL, wide, c)
        self.c.factor = data_of(factor, "the encoding's scale", REAL, wide, c)
        if not 0 <= bound < np.inf or (bound == 0 and binned is not None):
            raise ValueError(f"an encoding with a bound of {bound}" + (" cannot have bins" if bound == 0 else ""))
        if binned is not None:
            self.c.n_bins = binned.size
            self.c.binned = <int32_t*> data_of(binned, "the encoding's number of bins", INTEGER, 4, binned.size)
            for b in range(self.c.n_bins):
                if not 0 <= self.c.binned[b] <= c:
                    raise ValueError(f"{self.c.binned[b]} columns with bins, of {c}")
                n_added += self.c.binned[b]
            data_of(low, "the lower edges of bins", REAL, self.dtype.itemsize, n_added)
            data_of(slope, "the slopes of bins", REAL, self.dtype.itemsize, n_added)
            low, slope = padded(low), padded(slope)
            self.c.low = data_of(low, "low", REAL, self.dtype.itemsize, n_added)
            self.c.slope = data_of(slope, "slope", REAL, self.dtype.itemsize, n_added)
            self.has_stairs = (
                not is_sparse and n_added > 0 and n_added >= MANY_BINS * binned.max() and rises_in_turn(binned, low, slope))
        self.c.fill = data_of(fill, "what a gap counts as", REAL, wide, c)
        if gaps is not None:
            self.c.n_gaps = gaps.size
            self.c.gaps = <int32_t*> data_of(gaps, "the columns with gaps", INTEGER, 4, gaps.size)
            for j in range(self.c.n_gaps):
                if not 0 <= self.c.gaps[j] < n_features:
                    raise ValueError(f"the encoding marks gaps of column {self.c.gaps[j]} of rows that have {n_features}")
            self.c.gap_values = data_of(gap_values, "the values of gaps", REAL, self.dtype.itemsize, 2 * gaps.size)
        self.c.n_features, self.c.n_columns, self.c.n_added, self.c.bound = n_features, c, n_added, bound
        self.n_features, self.is_sparse = n_features, is_sparse
        n_dense = c + n_added + self.c.n_gaps
        self.n_lookups = 0 if values is None else values.size
        self.first_entry, self.width = 0 if is_sparse else n_dense, n_dense + self.n_lookups
        if is_sparse and place is None:
            if columns is not None:
                raise ValueError("an encoding of sparse rows that uses some columns says where each is among them")
            place = np.arange(n_features, dtype=np.int32)
        if place is not None:
            self.c.place = <int32_t*> data_of(place, "the places of columns", INTEGER, 4, n_features)
            for j in range(n_features):
                if not -1 <= self.c.place[j] < c:
                    raise ValueError(f"the encoding puts a column at {self.c.place[j]}, of {c} places")
        base = np.zeros(self.width - self.first_entry, dtype=self.dtype) if base is None else base
        self.zero = data_of(base, "what inputs are where absent", REAL, self.dtype.itemsize, self.width - self.first_entry)
        self.values = data_of(values, "the values of look-ups", REAL, self.dtype.itemsize, self.n_lookups)
        nonzero = base[base != 0]
        self.base_inputs, self.n_base = (self.first_entry + np.flatnonzero(base)).astype(np.int32), nonzero.size
        self.base = data_of(nonzero, "the base", REAL, self.dtype.itemsize, self.n_base)
        self.base_inputs_at = <int32_t*> data_of(self.base_inputs, "the inputs of the base", INTEGER, 4, self.n_base)
        self.kept = (columns, mean, factor, binned, low, slope, fill, gaps, gap_values, values, base, place, nonzero)


cdef class Rows:
    """The rows of one call, as the user gave them, their encoding and their targets.

    Parameters
    ----------
    X : ndarray (n, d), C-contiguous float32 or float64, or a scipy CSR matrix of such data
    encoding : RowEncoding for such X
    codes : ndarray (n, n_cat) of int32, or None
        Look-ups of each row, numbered from 0, -1 for none.
    ids : ndarray (n,) of int32, class ids; or
    labels : ndarray (n, k) of uint8, 0, 1, or 2 where not known; both None where only predictions are wanted
    weights : ndarray (n,) of the working precision or None
        Row weights of mean one.
    label_weights : ndarray (2, k) of the working precision or None
        Weights of absent and of present labels; not None where some are not known, which have weight zero.
    entry_weights : ndarray (n, k) of the working precision or None
        A factor of each of them; with label_weights.

    Raises
    ------
    ValueError
        For arrays that do not fit together, and for a CSR matrix that names entries outside of it.
    """
    def __cinit__(
        self, X, RowEncoding encoding not None, *, codes=None, ids=None, labels=None, weights=None, label_weights=None,
        entry_weights=None,
    ):
        cdef Py_ssize_t i, largest = -1
        cdef bint outside = False
        self.n_rows, self.n_features = X.shape
        if self.n_features != encoding.n_features:
            raise ValueError(f"rows of {self.n_features} columns for an encoding of {encoding.n_features}")
        self.row_encoding, self.encoding, self.dtype = encoding, encoding.c, encoding.dtype
        self.double_source = encoding.source.itemsize == 8
        self.is_sparse = not isinstance(X, np.ndarray)
        self.kept = X, codes, ids, labels, weights, label_weights, entry_weights
        if self.is_sparse:
            self.check_csr(X)
        else:
            self.X = data_of(X, "X", REAL, encoding.source.itemsize, self.n_rows * self.n_features)
        if self.is_sparse != encoding.is_sparse:
            raise ValueError("an encoding of dense rows does not apply to a CSR matrix, nor one of a CSR matrix to dense rows")
        if codes is not None:
            self.n_categorical = codes.shape[1]
            self.codes = <int32_t*> data_of(codes, "look-ups", INTEGER, 4, self.n_rows * self.n_categorical)
            for i in range(self.n_rows * self.n_categorical):
                outside |= self.codes[i] >= encoding.n_lookups
            if outside:
                raise ValueError(f"a look-up of {codes.max()} where there are {encoding.n_lookups}")
        if ids is not None:
            self.ids = <int32_t*> data_of(ids, "class ids", INTEGER, 4, self.n_rows)
            for i in range(self.n_rows):
                if self.ids[i] < 0:
                    raise ValueError(f"a class id of {self.ids[i]}")
                largest = max(largest, self.ids[i])
            self.n_targets = largest + 1
        if labels is not None:
            self.n_targets = labels.shape[1]
            self.labels = <uint8_t*> data_of(labels, "labels", BYTE, 1, self.n_rows * self.n_targets)
        real, n_labels = self.dtype.itemsize, 0 if labels is None else self.n_targets
        self.weights = data_of(weights, "weights", REAL, real, self.n_rows)
        self.label_weights = data_of(label_weights, "label weights", REAL, real, 2 * n_labels)
        self.entry_weights = data_of(entry_weights, "weights of entries", REAL, real, self.n_rows * n_labels)

    cdef Py_ssize_t most_entries(self, Py_ssize_t n):
        """Entries of n rows, at most."""
        if not self.is_sparse:
            return n * self.n_categorical
        counts = np.diff(self.kept[len(self.kept) - 1])  # indptr
        return n * counts.max(initial=0) * (1 + self.encoding.n_bins)

    cdef int check_csr(self, X) except -1:
        """Keep the arrays of a CSR matrix; each row's entries must lie within them, and their columns within X."""
        cdef Py_ssize_t i, n_entries = X.data.size
        if X.indices.size and not (0 <= X.indices.min() and X.indices.max() < self.n_features):
            raise ValueError(
                f"X is no valid CSR matrix: it names columns {X.indices.min()} to {X.indices.max()}, but has {self.n_features}."
            )
        indices, indptr = X.indices.astype(np.int32, copy=False), X.indptr.astype(np.int64, copy=False)
        self.X = data_of(X.data, "X.data", REAL, self.row_encoding.source.itemsize, n_entries)
        self.indices = <int32_t*> data_of(indices, "X.indices", INTEGER, 4, n_entries)
        self.indptr = <int64_t*> data_of(indptr, "X.indptr", INTEGER, 8, self.n_rows + 1)
        if self.indptr[0] < 0 or self.indptr[self.n_rows] > n_entries:
            raise ValueError(f"X is no valid CSR matrix: indptr goes beyond its {n_entries} entries.")
        for i in range(self.n_rows):
            if self.indptr[i] > self.indptr[i + 1]:
                raise ValueError(f"X is no valid CSR matrix: indptr falls at row {i}.")
        self.kept += (X.data, indices, indptr)
        return 0

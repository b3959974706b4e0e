# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Entries: the inputs of a batch that most of its rows do not have, and the steps of their weights.

entries.h has the formulas. In training each input that a batch touches has a slot, a row of the gradient. Inputs with a base have
a gradient in every batch, so they keep their slots: they are steady. The weights of the others have a gradient only where a row
of the batch has the entry. In the other batches Adam moves them, too, by what is left of their momentum; these steps are made up
for when the input is touched next, and after the last batch of an epoch (Optimizer.catch_up). So what a batch does not touch
costs its step nothing, and the weights end where Adam's steps over all of them end, to rounding.
"""
import numpy as np

from libc.string cimport memset

from sklearn_heads._core.rows cimport RowEncoding


cdef char* at(array):
    """Where the values of an array of our own begin."""
    cdef size_t pointer = array.ctypes.data
    return <char*> pointer


cdef class Entries:
    """The entries of up to `most` rows.

    Parameters
    ----------
    rows : Rows
    units : int
        Of the first layer.
    most : int
        Rows of the largest batch.
    training : bool
        Whether there is a backward pass.
    lazy : bool
        Whether weights without a gradient may take their steps later: with Adam and no L2. Otherwise all are steady.
    """
    def __init__(self, Rows rows, Py_ssize_t units, Py_ssize_t most, bint training, bint lazy):
        cdef Py_ssize_t n_entries = rows.most_entries(most), n_slots, item = rows.dtype.itemsize
        cdef RowEncoding encoding = rows.row_encoding
        dtype = rows.dtype
        self.rows, self.encoding, self.units, self.row_bytes = rows, encoding, units, units * item
        start, inputs = np.zeros(most + 1, dtype=np.intp), np.zeros(n_entries, dtype=np.int32)
        value, bias = np.zeros(n_entries, dtype=dtype), np.zeros(2 * units + 32, dtype=dtype)
        self.kept = [start, inputs, value, bias]
        self.start, self.input, self.value = <Py_ssize_t*> at(start), <int32_t*> at(inputs), at(value)
        self.bias = at(bias)
        self.bias_gradient = self.bias + self.row_bytes + 16 * item
        if not training:
            return
        first = encoding.first_entry
        steady = np.asarray(encoding.base_inputs) if lazy else np.arange(first, encoding.width, dtype=np.int32)
        self.n_steady = self.n_slots = len(steady)
        n_slots = min(encoding.width - first, len(steady) + n_entries)
        slot, input_at = np.full(encoding.width, -1, dtype=np.int32), np.zeros(n_slots, dtype=np.int32)
        slot[steady], input_at[:len(steady)] = np.arange(len(steady)), steady
        gradient, n_steps = np.zeros((n_slots, units), dtype=dtype), np.zeros(encoding.width, dtype=np.int64)
        self.kept += [slot, input_at, gradient, n_steps]
        self.slot, self.input_at = <int32_t*> at(slot), <int32_t*> at(input_at)
        self.gradient, self.n_steps = at(gradient), <long long*> at(n_steps)

    def begin(self, Optimizer optimizer):
        """From here on, weights are behind the steps that come."""
        cdef Py_ssize_t nth
        for nth in range(self.encoding.width):
            self.n_steps[nth] = optimizer.n_steps

    cdef void gather(self, const Loops* loops, const Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
        """The entries of these rows."""
        if self.rows.is_sparse:
            loops.sparse_entries[self.rows.double_source](
                self.rows.X, self.rows.indices, self.rows.indptr, order, &self.rows.encoding, self.encoding.zero, self.start,
                self.input, self.value, n)
        else:
            loops.category_entries(
                self.rows.codes, order, self.rows.n_categorical, self.encoding.values, self.encoding.first_entry, self.start,
                self.input, self.value, n)

    cdef void add_base(self, const Loops* loops, const char* W, const char* b) noexcept nogil:
        """Leave the bias b and the base in `bias`: for all rows until the weights W change."""
        loops.base_sum(self.encoding.base_inputs_at, self.encoding.base, self.encoding.n_base, W, b, self.bias, self.units)

    cdef void touch(self, const Loops* loops, Optimizer optimizer, char* W, Py_ssize_t n) noexcept nogil:
        """Give the inputs of the n gathered rows a slot, and their weights the steps they have missed."""
        cdef Py_ssize_t at
        cdef int32_t nth
        for at in range(self.start[n]):
            nth = self.input[at]
            if self.slot[nth] < 0:
                self.slot[nth] = <int32_t> self.n_slots
                self.input_at[self.n_slots] = nth
                self.n_slots += 1
                self.catch_up(loops, optimizer, W, nth)

    cdef void catch_up(self, const Loops* loops, Optimizer optimizer, char* W, Py_ssize_t nth) noexcept nogil:
        cdef Py_ssize_t at = nth * self.row_bytes
        optimizer.catch_up(loops, W + at, at, self.units, self.n_steps[nth])
        self.n_steps[nth] = optimizer.n_steps

    cdef void step(self, const Loops* loops, Optimizer optimizer, char* W, const char* delta, Py_ssize_t n) noexcept nogil:
        """The optimizer's step of the weights that have a slot; the slots of those that are not steady are free again."""
        cdef Py_ssize_t at, nth, size = self.n_slots * self.row_bytes
        memset(self.gradient, 0, size)
        loops.column_sums(delta, self.bias_gradient, n, self.units)
        loops.base_gradient(
            self.encoding.base_inputs_at, self.encoding.base, self.encoding.n_base, self.slot, self.bias_gradient, self.gradient,
            self.units)
        loops.entries_gradient(self.start, self.input, self.value, self.slot, delta, self.gradient, n, self.units)
        for nth in range(self.n_slots):
            at = self.input_at[nth] * self.row_bytes
            optimizer.step(loops, self.gradient + nth * self.row_bytes, W + at, at, self.units, True)
        for nth in range(self.n_steady, self.n_slots):
            self.slot[self.input_at[nth]] = -1
            self.n_steps[self.input_at[nth]] = optimizer.n_steps
        self.n_slots = self.n_steady

    cdef void add_to(self, const Loops* loops, const char* delta, char* total, Py_ssize_t n) noexcept nogil:
        """Add the gradient of their weights to the total, which begins with those of the first layer."""
        loops.column_sums(delta, self.bias_gradient, n, self.units)
        loops.base_gradient(
            self.encoding.base_inputs_at, self.encoding.base, self.encoding.n_base, NULL, self.bias_gradient, total, self.units)
        loops.entries_gradient(self.start, self.input, self.value, NULL, delta, total, n, self.units)

    cdef void settle(self, const Loops* loops, Optimizer optimizer, char* W) noexcept nogil:
        """Give all weights the steps they have missed."""
        cdef Py_ssize_t nth
        for nth in range(self.encoding.first_entry, self.encoding.width):
            if self.slot[nth] < 0:
                self.catch_up(loops, optimizer, W, nth)

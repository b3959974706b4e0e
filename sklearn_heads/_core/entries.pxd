"""The entries of a batch; see entries.pyx."""
from libc.stdint cimport int32_t

from sklearn_heads._core.kernels cimport Loops
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport RowEncoding, Rows


cdef class Entries:
    cdef Rows rows
    cdef RowEncoding encoding
    cdef Py_ssize_t units, row_bytes      # of the first layer; of one input's weights
    cdef Py_ssize_t* start                # those of row i of the batch are start[i] to start[i + 1]
    cdef int32_t* input
    cdef char* value
    cdef char* bias                       # of the first layer, with the base
    cdef char* bias_gradient
    cdef char* gradient                   # a row for each slot
    cdef int32_t* slot                    # of each input; -1 for none
    cdef int32_t* input_at                # the input of each slot
    cdef long long* n_steps               # that each input's weights have taken
    cdef Py_ssize_t n_steady, n_slots     # slots that stay; slots in use
    cdef object kept

    cdef void gather(self, const Loops* loops, const Py_ssize_t* order, Py_ssize_t n) noexcept nogil
    cdef void add_base(self, const Loops* loops, const char* W, const char* b) noexcept nogil
    cdef void touch(self, const Loops* loops, Optimizer optimizer, char* W, Py_ssize_t n) noexcept nogil
    cdef void step(self, const Loops* loops, Optimizer optimizer, char* W, const char* delta, Py_ssize_t n) noexcept nogil
    cdef void catch_up(self, const Loops* loops, Optimizer optimizer, char* W, Py_ssize_t nth) noexcept nogil
    cdef void add_to(self, const Loops* loops, const char* delta, char* total, Py_ssize_t n) noexcept nogil
    cdef void settle(self, const Loops* loops, Optimizer optimizer, char* W) noexcept nogil

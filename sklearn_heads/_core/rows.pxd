"""The rows of a call; see rows.pyx."""
from libc.stdint cimport int32_t, int64_t, uint8_t

from sklearn_heads._core.kernels cimport Encoding

# What an array may hold: float32 or float64; signed integers; bytes.
cdef enum Kind:
    REAL, INTEGER, BYTE

cdef void* data_of(array, str name, Kind kind, Py_ssize_t itemsize, Py_ssize_t size) except? NULL
cdef int check_order(const Py_ssize_t* order, Py_ssize_t n, Py_ssize_t n_rows) except -1


cdef class RowEncoding:
    cdef readonly Py_ssize_t n_features, width
    cdef readonly bint is_sparse, has_stairs
    cdef readonly object source, dtype
    cdef Encoding c
    # Inputs from first_entry on are not spread out in a batch (entries.pyx).
    cdef readonly Py_ssize_t first_entry
    cdef Py_ssize_t n_lookups, n_base
    cdef void* values
    cdef void* zero
    cdef void* base
    cdef readonly object base_inputs
    cdef int32_t* base_inputs_at
    cdef tuple kept  # keeps the arrays alive that the pointers look into


cdef class Rows:
    cdef readonly Py_ssize_t n_rows, n_features
    cdef readonly bint is_sparse
    cdef readonly object dtype
    cdef readonly RowEncoding row_encoding
    cdef tuple kept  # as above
    cdef bint double_source
    cdef void* X
    cdef Encoding encoding
    cdef int32_t* ids
    cdef uint8_t* labels
    cdef Py_ssize_t n_targets  # the largest id and one; columns of labels
    cdef void* weights
    cdef void* label_weights
    cdef void* entry_weights
    cdef int32_t* indices
    cdef int64_t* indptr
    cdef int32_t* codes
    cdef Py_ssize_t n_categorical

    cdef Py_ssize_t most_entries(self, Py_ssize_t n)
    cdef int check_csr(self, X) except -1

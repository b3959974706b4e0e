"""The rows of a call; see rows.pyx."""
from libc.stdint cimport int32_t, int64_t, uint8_t

from sklearn_heads._core.kernels cimport Encoding


cdef inline void* address(array) except? NULL:
    """The data pointer of a NumPy array; NULL for None and for an array without elements."""
    if array is None or array.size == 0:
        return NULL
    if not array.flags.c_contiguous:  # it would be misread, silently
        raise ValueError("the core reads C-contiguous arrays")
    cdef size_t pointer = array.ctypes.data
    return <void*> pointer


cdef class Rows:
    cdef readonly Py_ssize_t n_rows, n_features
    cdef readonly bint is_sparse
    cdef readonly object dtype
    cdef tuple kept  # keeps the arrays alive that the pointers look into
    cdef bint double_source
    cdef void* X
    cdef Encoding encoding
    cdef int32_t* ids
    cdef uint8_t* labels
    cdef void* weights
    cdef void* label_weights
    cdef void* entry_weights
    cdef int32_t* indices
    cdef int64_t* indptr

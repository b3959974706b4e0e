"""The rows of a call and the workspace of a batch; see batch.pyx."""
from libc.stdint cimport int32_t, int64_t, uint8_t

from sklearn_heads._core.kernels cimport Encoding


cdef inline void* address(array) except? NULL:
    """The data pointer of a NumPy array; NULL for None and for an array without elements."""
    if array is None or array.size == 0:
        return NULL
    cdef size_t pointer = array.ctypes.data
    return <void*> pointer


cdef class Rows:
    cdef readonly Py_ssize_t n_rows, n_features
    cdef readonly bint is_sparse
    cdef tuple kept  # keeps the arrays alive that the pointers look into
    cdef bint double_source
    cdef void* X
    cdef Encoding encoding
    cdef int32_t* ids
    cdef uint8_t* labels
    cdef void* weights
    cdef void* label_weights
    cdef int32_t* indices
    cdef int64_t* indptr


cdef class Workspace:
    cdef char** activations   # activations[l]: the input of layer l, (n, fan_in)
    cdef char** slopes        # slopes[l]: its derivative, which the backward pass turns into delta
    cdef char* logits
    cdef char* delta          # gradient with respect to the logits
    cdef char* upstream       # delta W', before the slope
    cdef char* targets
    cdef char* weights
    cdef char* cell_weights
    cdef char* loss
    cdef int32_t* ids
    cdef object dtype
    cdef list kept

    cdef char* take(self, Py_ssize_t size) except NULL

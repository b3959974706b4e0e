"""The rows of a call and the workspace of a batch; see batch.pyx."""
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


# Weights of a strip: their gradient, the parameters and Adam's moments fit into the second-level cache together.
cdef enum:
    STRIP_WEIGHTS = 16384


cdef inline Py_ssize_t strip(Py_ssize_t fan_in, Py_ssize_t units) noexcept nogil:
    """Inputs of a layer whose weights' gradient is computed, and put to use, at a time: whole tiles of them (product.h)."""
    return min(fan_in, max(1, STRIP_WEIGHTS // units // 16) * 16)


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
    cdef int32_t* indices
    cdef int64_t* indptr


cdef class Workspace:
    cdef char** activations   # activations[l]: the input of layer l, (n, fan_in)
    cdef char** slopes        # slopes[l]: its derivative; NULL for ReLU, whose output shows it
    cdef char** deltas        # deltas[l]: gradient with respect to what layer l - 1 sums up; the last the logits'
    cdef char* logits
    cdef char* scratch        # a weight matrix, transposed
    cdef char* gradient       # of a strip of one layer's weights, or of its biases
    cdef char* targets
    cdef char* weights
    cdef char* cell_weights
    cdef char* loss
    cdef int32_t* ids
    cdef Py_ssize_t itemsize, n_allocated
    cdef void** allocated

    cdef char* take(self, Py_ssize_t size) except NULL

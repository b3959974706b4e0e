"""Some rows on their way through a network; see batch.pyx."""
from libc.stdint cimport int32_t

from sklearn_heads._core.entries cimport Entries
from sklearn_heads._core.rows cimport Rows

# Weights of a strip: their gradient, the parameters and Adam's moments fit into the second-level cache together.
cdef enum:
    STRIP_WEIGHTS = 16384


cdef inline Py_ssize_t strip(Py_ssize_t fan_in, Py_ssize_t units) noexcept nogil:
    """Inputs of a layer whose weights' gradient is computed, and put to use, at a time: whole tiles of them (product.h)."""
    return min(fan_in, max(1, STRIP_WEIGHTS // units // 16) * 16)


cdef class Batch:
    cdef Rows rows
    cdef Entries entries          # of the inputs that are not in activations[0]; None where all are
    cdef const Py_ssize_t* order  # which of the rows
    cdef Py_ssize_t n             # and how many
    cdef char** activations       # activations[l]: the input of layer l, (n, fan_in)
    cdef char** slopes            # slopes[l]: its derivative; NULL for ReLU, whose output shows it
    cdef char** deltas            # deltas[l]: gradient with respect to the weighted sums of layer l - 1; the last the logits'
    cdef char* logits
    cdef char* scratch            # of the products: see scratch_values in table.h
    cdef char* gradient           # of a strip of one layer's weights, or of its biases
    cdef char* targets
    cdef char* weights
    cdef char* entry_weights
    cdef char* loss
    cdef int32_t* ids
    cdef Py_ssize_t itemsize, n_allocated
    cdef void** allocated

    cdef char* zeros(self, Py_ssize_t size) except NULL

    cdef inline void choose(self, const Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
        """Stand for these n rows now; their values are still to be gathered."""
        self.order, self.n = order, n

"""A stack of dense layers; see layers.pyx."""
from libc.stdint cimport uint64_t

from sklearn_heads._core.batch cimport Batch
from sklearn_heads._core.kernels cimport Loops
from sklearn_heads._core.optimizer cimport Optimizer


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """splitmix64: one well-mixed 64-bit key for each counter value."""
    x += <uint64_t> 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


cdef struct Layer:
    Py_ssize_t fan_in, units
    char* W
    char* b


cdef class Layers:
    cdef readonly tuple layer_units
    cdef readonly str activation
    cdef readonly object dtype, parameters
    cdef readonly list coefs, intercepts
    cdef readonly Py_ssize_t n_layers, n_outputs, n_weights, n_biases
    cdef Layer* layers
    cdef const Loops* loops
    cdef bint is_double, is_relu
    cdef int activation_code
    cdef Py_ssize_t itemsize, line  # bytes of a value, and values of a cache line

    cdef void gather(self, Batch batch) noexcept nogil
    cdef void add_base(self, Batch batch) noexcept nogil
    cdef void climb(self, Batch batch) noexcept nogil
    cdef void forward(self, Batch batch, double dropout, uint64_t key) noexcept nogil
    cdef void gather_part(self, Batch batch, Py_ssize_t start, Py_ssize_t n, int who) noexcept nogil
    cdef void share(self, Batch batch, Optimizer optimizer, int kind, Py_ssize_t nth, Py_ssize_t parts) noexcept nogil
    cdef void do(self, Batch batch, Optimizer optimizer, Py_ssize_t part, int who) noexcept nogil
    cdef void forward_part(self, Batch batch, Py_ssize_t start, Py_ssize_t n, int who) noexcept nogil
    cdef void weighted_sums(
        self, Batch batch, Py_ssize_t start, Py_ssize_t n, Py_ssize_t nth, char* z, int who,
    ) noexcept nogil
    cdef void backward(self, Batch batch, Optimizer optimizer, char* total) noexcept nogil
    cdef void transpose_part(self, Batch batch, Py_ssize_t part) noexcept nogil
    cdef void backward_part(self, Batch batch, Py_ssize_t nth, Py_ssize_t start, Py_ssize_t n) noexcept nogil
    cdef Py_ssize_t fan_in(self, Batch batch, Py_ssize_t nth) noexcept nogil
    cdef Py_ssize_t strips(self, Batch batch, Py_ssize_t nth) noexcept nogil
    cdef void gradient_part(self, Batch batch, Py_ssize_t nth, Py_ssize_t part, Optimizer optimizer, int who) noexcept nogil
    cdef void use_inputs(
        self, Batch batch, Py_ssize_t nth, Py_ssize_t first, Py_ssize_t inputs, const char* g, Optimizer optimizer,
    ) noexcept nogil
    cdef void stairs_part(self, Batch batch, Py_ssize_t first, Optimizer optimizer, int who) noexcept nogil
    cdef void use_gradient(
        self, const char* g, char* p, Py_ssize_t n, bint is_weight, Optimizer optimizer, char* total,
    ) noexcept nogil

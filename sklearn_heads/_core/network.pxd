"""A stack of dense layers; see network.pyx."""
from libc.stdint cimport uint64_t

from sklearn_heads._core.batch cimport Batch
from sklearn_heads._core.kernels cimport Loops
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport Rows


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """splitmix64: one well-mixed 64-bit key for each counter value."""
    x += <uint64_t> 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


# Rows per batch where there is no backward pass.
cdef enum:
    BLOCK = 96


cdef struct Layer:
    Py_ssize_t fan_in, units
    char* W
    char* b


cdef class Network:
    cdef readonly tuple layer_units
    cdef readonly str activation, kernel
    cdef readonly object dtype, parameters
    cdef readonly list coefs, intercepts
    cdef readonly Py_ssize_t n_layers, n_outputs, n_weights, n_biases
    cdef Layer* layers
    cdef const Loops* loops
    cdef bint is_double, is_softmax, is_relu
    cdef int activation_code
    cdef Py_ssize_t itemsize
    cdef double flops_per_row

    cdef int check(self, Rows rows, bint with_targets) except -1
    cdef Batch batch_of(self, Rows rows, Py_ssize_t most, bint training, bint lazy=*)
    cdef void gather(self, Batch batch) noexcept nogil
    cdef void add_base(self, Batch batch) noexcept nogil
    cdef void forward(self, Batch batch, double dropout, uint64_t key) noexcept nogil
    cdef void weighted_sums(self, Batch batch, Py_ssize_t start, Py_ssize_t n, Py_ssize_t nth, char* z) noexcept nogil
    cdef double loss_of(self, Batch batch, double scale, double smoothing, void* delta) noexcept nogil
    cdef void backward(self, Batch batch, double dropout, Optimizer optimizer, char* total) noexcept nogil
    cdef void layer_gradient(self, Batch batch, Py_ssize_t nth, Optimizer optimizer, char* total) noexcept nogil
    cdef void use_gradient(
        self, const char* g, char* p, Py_ssize_t n, bint is_weight, Optimizer optimizer, char* total,
    ) noexcept nogil
    cdef double train(
        self, Batch batch, Optimizer optimizer, double dropout, double smoothing, uint64_t key,
    ) noexcept nogil
    cdef double sum_of_losses(
        self, Batch batch, const Py_ssize_t* order, Py_ssize_t n_rows, double* flops, stop,
    ) except? -1 nogil
    cdef int poll(self, Py_ssize_t n, double* flops, stop) except -1 nogil


cdef int raise_if_interrupted(stop) except -1
cdef const Py_ssize_t* row_numbers(order, Rows rows) except? NULL

"""A stack of dense layers; see network.pyx."""
from libc.stdint cimport uint64_t

from sklearn_heads._core.batch cimport Rows, Workspace
from sklearn_heads._core.kernels cimport Loops
from sklearn_heads._core.optimizer cimport Optimizer


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """splitmix64: one well-mixed 64-bit key for each counter value."""
    x += <uint64_t> 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


# Rows at a time where there is no backward pass.
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
    cdef double flops_a_row

    cdef int check(self, Rows rows) except -1
    cdef Workspace workspace(self, Rows rows, Py_ssize_t n, bint training)
    cdef void gather(self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work) noexcept nogil
    cdef void forward(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double dropout, uint64_t key,
    ) noexcept nogil
    cdef void weighted_sums(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t start, Py_ssize_t n, Workspace work, Py_ssize_t nth, char* z,
    ) noexcept nogil
    cdef double loss_of(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double scale, double smoothing, void* delta,
    ) noexcept nogil
    cdef void backward(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double dropout, Optimizer optimizer, double l2,
        char* total,
    ) noexcept nogil
    cdef void layer_gradient(
        self, Py_ssize_t nth, Py_ssize_t n, Workspace work, Optimizer optimizer, double l2, char* total,
    ) noexcept nogil
    cdef void use_gradient(
        self, const char* g, char* p, Py_ssize_t n, bint is_weight, Optimizer optimizer, double l2, char* total,
    ) noexcept nogil
    cdef double batch(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, Optimizer optimizer, double l2,
        double dropout, double smoothing, uint64_t key,
    ) noexcept nogil
    cdef double sum_of_losses(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n_rows, Workspace work, double* flops, stop,
    ) except? -1 nogil
    cdef int look_up(self, Py_ssize_t n, double* flops, stop) except -1 nogil


cdef int look_for_interrupt(stop) except -1

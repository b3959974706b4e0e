"""Layers with a loss on top; see network.pyx."""
from libc.stdint cimport uint64_t

from sklearn_heads._core.batch cimport Batch
from sklearn_heads._core.layers cimport Layers
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport Rows

# Rows per batch where there is no backward pass.
cdef enum:
    BLOCK = 96


cdef class Network(Layers):
    cdef readonly str kernel
    cdef bint is_softmax
    cdef double flops_per_row

    cdef int check(self, Rows rows, bint with_targets) except -1
    cdef Batch batch_of(
        self, Rows rows, Py_ssize_t most, bint training, int n_threads=*, bint lazy=*, int n_stairs=*,
    )
    cdef double loss_of(self, Batch batch, double scale, double smoothing, void* delta) noexcept nogil
    cdef double train(
        self, Batch batch, Optimizer optimizer, double dropout, double smoothing, uint64_t key,
    ) noexcept nogil
    cdef double sum_of_losses(
        self, Batch batch, const Py_ssize_t* order, Py_ssize_t n_rows, double* flops, stop,
    ) except? -1 nogil
    cdef int poll(self, Py_ssize_t n, double* flops, stop) except -1 nogil


cdef int raise_if_interrupted(stop) except -1
cdef const Py_ssize_t* row_numbers(order, Rows rows) except? NULL

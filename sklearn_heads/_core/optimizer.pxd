"""Adam and SGD; see optimizer.pyx."""
from sklearn_heads._core.kernels cimport Loops, StepRule


cdef class Optimizer:
    cdef public double learning_rate
    cdef readonly double weight_decay
    cdef readonly str kind
    cdef readonly long long n_steps
    cdef readonly object first, second
    cdef StepRule rule
    cdef bint is_adam
    cdef char* first_at
    cdef char* second_at

    cdef void begin_step(self) noexcept nogil
    cdef void step(
        self, const Loops* loops, const char* g, char* p, Py_ssize_t at, Py_ssize_t n, bint is_weight, double l2,
    ) noexcept nogil

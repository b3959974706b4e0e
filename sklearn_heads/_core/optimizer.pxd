"""Adam and SGD; see optimizer.pyx."""
from sklearn_heads._core.kernels cimport Loops, StepRule


cdef class Optimizer:
    cdef public double learning_rate, l2
    cdef readonly double weight_decay
    cdef readonly str kind
    cdef readonly long long n_steps
    cdef readonly object first, second, row_rates
    cdef readonly Py_ssize_t row_size
    cdef double* rates
    cdef Py_ssize_t row_bytes, rated_bytes
    cdef StepRule rule, rule_of_biases  # those differ in L2 and decay
    cdef bint is_adam
    cdef char* first_at
    cdef char* second_at
    cdef object kept
    cdef double* owed
    cdef double* fading
    cdef double* powers  # of beta_1, beta_2 and the shrinking of an epoch's steps, three by three
    cdef Py_ssize_t n_fading, n_lag
    cdef long long epoch_from

    cdef void begin_epoch(self) noexcept nogil
    cdef void catch_up(
        self, const Loops* loops, char* p, Py_ssize_t at, Py_ssize_t n, long long n_steps,
    ) noexcept nogil
    cdef int check(self, parameters) except -1
    cdef double penalty(self, const Loops* loops, const char* W, Py_ssize_t n_weights, Py_ssize_t n_rows) noexcept nogil
    cdef void begin_step(self, Py_ssize_t n_rows) noexcept nogil
    cdef void step(
        self, const Loops* loops, const char* g, char* p, Py_ssize_t at, Py_ssize_t n, bint is_weight,
    ) noexcept nogil
    cdef void take(
        self, const Loops* loops, const StepRule* rule, const char* g, char* p, Py_ssize_t at, Py_ssize_t n,
    ) noexcept nogil

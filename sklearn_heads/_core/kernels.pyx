# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, freethreading_compatible=True
"""Logistic and softmax kernels, and a layer's products, on C-contiguous arrays, without the GIL.

The formulas and their derivations are in loops.h.  These functions neither allocate nor validate: `sklearn_heads.losses`
does, and is the module to call.  Order of arguments: targets, logits, then outputs; n rows, k outputs.
"""
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from cython cimport floating
from libc.stdint cimport int32_t


cdef extern from "simd.h" nogil:
    const Loops* float_loops
    const Loops* double_loops
    const char* choose_simd_level()
    void begin_blas(void* sgemm, void* dgemm)


cdef void* blas_function(str name) except NULL:
    """One of the functions that SciPy shares with compiled code."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[name]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


SIMD_LEVEL = choose_simd_level().decode()
if SIMD_LEVEL == "blas":
    begin_blas(blas_function("sgemm"), blas_function("dgemm"))


cdef const Loops* loops_of(bint is_double) noexcept nogil:
    return double_loops if is_double else float_loops


cdef inline const Loops* loops_like(const floating[::1] x) noexcept nogil:
    return loops_of(floating is double)


cdef inline void* at(const floating[::1] x) noexcept nogil:
    """The address of the first element; NULL for an absent or empty array, which the loops then do not touch."""
    return <void*> &x[0] if x is not None and x.shape[0] else NULL


def logistic(const floating[::1] logits, floating[::1] out):
    """Probabilities sigmoid(z)."""
    with nogil:
        loops_like(logits).logistic(at(logits), at(out), logits.shape[0])


def log_logistic(const floating[::1] logits, floating[::1] out):
    """Log-probabilities log sigmoid(z)."""
    with nogil:
        loops_like(logits).log_logistic(at(logits), at(out), logits.shape[0])


def pool_log_odds(const floating[::1] log_odds, floating[::1] out):
    """Log-odds of the mean of m probabilities, given as m rows of log-odds as long as out."""
    if out.shape[0]:
        with nogil:
            loops_like(out).pool_log_odds(at(log_odds), at(out), log_odds.shape[0] // out.shape[0], out.shape[0])


def logistic_loss(const floating[::1] targets, const floating[::1] logits, floating[::1] loss):
    """Binary cross-entropy, element by element."""
    with nogil:
        loops_like(logits).logistic_loss(at(targets), at(logits), at(loss), logits.shape[0])


def logistic_gradient(const floating[::1] targets, const floating[::1] logits, floating[::1] gradient):
    """Its derivative with respect to the logits."""
    with nogil:
        loops_like(logits).logistic_gradient(at(targets), at(logits), at(gradient), logits.shape[0])


def logistic_loss_gradient(const floating[::1] targets, const floating[::1] logits, floating[::1] loss, floating[::1] gradient):
    """Both in one sweep."""
    with nogil:
        loops_like(logits).logistic_loss_gradient(at(targets), at(logits), at(loss), at(gradient), logits.shape[0])


def softmax(const floating[::1] logits, floating[::1] out, Py_ssize_t k):
    """Probabilities of rows of k logits."""
    with nogil:
        loops_like(logits).softmax(at(logits), at(out), logits.shape[0] // k, k)


def log_softmax(const floating[::1] logits, floating[::1] out, Py_ssize_t k):
    """Log-probabilities of rows of k logits."""
    with nogil:
        loops_like(logits).log_softmax(at(logits), at(out), logits.shape[0] // k, k)


def cross_entropy(
    const int32_t[::1] ids, const floating[::1] matrix, const floating[::1] logits, floating[::1] loss, floating[::1] gradient,
    Py_ssize_t k,
):
    """Cross-entropy of rows of k logits: targets as ids or as a matrix, the other None; either output may be None."""
    cdef Targets targets
    targets.hit, targets.miss, targets.ids = 1, 0, NULL
    if ids is not None and ids.shape[0]:
        targets.ids = &ids[0]
    targets.matrix = at(matrix)
    with nogil:
        loops_like(logits).cross_entropy(targets, at(logits), at(loss), at(gradient), logits.shape[0] // k, k)


def in_unit_interval(const floating[::1] x):
    """Whether all elements lie between 0 and 1; NaN does not."""
    cdef bint result
    with nogil:
        result = loops_like(x).in_unit_interval(at(x), x.shape[0])
    return result


def scale_rows(const floating[::1] weights, floating[::1] x):
    """Multiply each of the rows of x by its weight, in place."""
    if weights.shape[0]:
        with nogil:
            loops_like(x).scale_rows(at(weights), at(x), weights.shape[0], x.shape[0] // weights.shape[0])


def layer_forward(
    const floating[::1] x, const floating[::1] W, const floating[::1] b, floating[::1] scratch, floating[::1] z,
    Py_ssize_t n, Py_ssize_t d, Py_ssize_t h, bint relu=False,
):
    """z (n, h) = b + x W, or its ReLU.

    Behind n rows x has room for OVERRUN more, behind W and b there is room for OVERRUN elements; scratch is of d h + OVERRUN,
    which is enough for every pass.
    """
    with nogil:
        loops_like(x).layer_forward(at(x), at(W), at(b), at(scratch), relu, at(z), n, d, h)


def layer_gradient(
    const floating[::1] x, const floating[::1] delta, floating[::1] scratch, floating[::1] gW, floating[::1] gb,
    Py_ssize_t n, Py_ssize_t d, Py_ssize_t h,
):
    """gW (d, h) = x' delta and gb (h,), the column sums of delta. x and delta have room for OVERRUN rows more."""
    with nogil:
        loops_like(x).column_sums(at(delta), at(gb), n, h)
        loops_like(x).layer_gradient(at(x), d, at(delta), at(scratch), at(gW), n, d, h)


def layer_upstream(
    const floating[::1] delta, const floating[::1] W, floating[::1] scratch, const floating[::1] gate, floating[::1] upstream,
    Py_ssize_t n, Py_ssize_t d, Py_ssize_t h,
):
    """upstream (n, d) = delta W', 0 where the gate, if there is one, is not positive. Both have room for OVERRUN rows more."""
    with nogil:
        loops_like(delta).transpose(at(W), at(scratch), d, d, h)
        loops_like(delta).product(NULL, at(delta), h, 1, at(scratch), d, at(gate), at(upstream), n, d, h)

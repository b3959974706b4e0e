"""Row-major matrix products over scipy.linalg.cython_blas: the one place where leading dimensions are swapped.

A row-major matrix is, read column-major, its transpose.  So C = A B in row-major is C' = B' A' in BLAS's eyes: the two
factors change places, and each leading dimension is the row length of the array as it lies in memory.
"""
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef inline void gemm(
    bint is_double, bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t inner,
    const void* A, const void* B, double beta, void* C,
) noexcept nogil:
    """C (m, n) = op(A) (m, inner) op(B) (inner, n) + beta C, all row-major and contiguous."""
    cdef int rows = <int> m, columns = <int> n, depth = <int> inner
    cdef int lda = rows if transpose_a else depth
    cdef int ldb = depth if transpose_b else columns
    cdef char trans_a = b"T" if transpose_a else b"N"
    cdef char trans_b = b"T" if transpose_b else b"N"
    cdef double one = 1, beta64 = beta
    cdef float one32 = 1, beta32 = <float> beta
    if rows == 0 or columns == 0:
        return
    if is_double:
        dgemm(&trans_b, &trans_a, &columns, &rows, &depth, &one, <double*> B, &ldb, <double*> A, &lda,
              &beta64, <double*> C, &columns)
    else:
        sgemm(&trans_b, &trans_a, &columns, &rows, &depth, &one32, <float*> B, &ldb, <float*> A, &lda,
              &beta32, <float*> C, &columns)

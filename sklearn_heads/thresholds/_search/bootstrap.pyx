# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, freethreading_compatible=True
# cython: cdivision=True
"""Bootstraps of rows as counts, and sums over the bootstraps that left a row out.

These functions neither allocate nor validate: `bagging.py` does.
"""
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy


cdef inline uint64_t mix(uint64_t x) noexcept nogil:
    """SplitMix64's finaliser: a counter in, 64 random bits out."""
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)


def draw_poisson(uint64_t seed, uint8_t[::1] counts):
    """Fill counts with independent Poisson(1) draws: a bootstrap of rows, without fixing their number.

    A draw is how many of the quantiles exp(-1) sum_{j<=i} 1/j!, in units of 2^-16, a 16-bit number reaches.  A block
    at a time, so that the compiler compares eight and more of them at once.
    """
    cdef Py_ssize_t i, j, m, n = counts.shape[0]
    cdef uint64_t bits[64]
    cdef const uint16_t* u = <const uint16_t*> bits
    cdef uint8_t drawn[256]
    with nogil:
        for i in range(0, n, 256):
            for j in range(64):
                seed += <uint64_t> 0x9E3779B97F4A7C15
                bits[j] = mix(seed)
            for j in range(256):
                drawn[j] = ((u[j] >= 24109) + (u[j] >= 48219) + (u[j] >= 60273) + (u[j] >= 64291) + (u[j] >= 65296)
                            + (u[j] >= 65497) + (u[j] >= 65531) + (u[j] >= 65535))
            m = min(n - i, 256)
            memcpy(&counts[i], drawn, m)


def accumulate_left_out(
    const uint8_t[::1] counts, const double[::1] coordinates, double[:, ::1] sums, double[::1] seen,
):
    """Add the coordinates of a replicate's solution to the sums of the rows that it left out; seen counts them."""
    cdef Py_ssize_t i, j, k = coordinates.shape[0]
    cdef const uint8_t* drawn = &counts[0]
    cdef double* sum = &sums[0, 0]
    cdef double* number = &seen[0]
    cdef double one = coordinates[0]
    with nogil:
        for i in range(counts.shape[0]):
            number[i] += 1 if drawn[i] == 0 else 0
        if k == 1:
            for i in range(counts.shape[0]):
                sum[i] += one if drawn[i] == 0 else 0
        else:
            for i in range(counts.shape[0]):
                for j in range(k):
                    sum[i * k + j] += coordinates[j] if drawn[i] == 0 else 0

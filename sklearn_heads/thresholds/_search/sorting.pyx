# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, freethreading_compatible=True
# cython: cdivision=True
"""Scores sorted once, the largest first, by radix; labels and weights put into that order.

These functions neither allocate nor validate: `ranking.py` does.
"""
from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset


cdef inline uint64_t flip(uint64_t bits) noexcept nogil:
    """From the bits of a double to an unsigned integer in the opposite order, and back."""
    return bits if bits >> 63 else bits ^ <uint64_t> 0x7FFFFFFFFFFFFFFF


def sort_descending(
    const double[:] scores, double[::1] keys, double[::1] spare_keys, int32_t[::1] rows, int32_t[::1] spare_rows,
    int32_t[:, ::1] bins, uint8_t[::1] last,
):
    """Radix sort, least digit first: 11 bits a pass, passes in which all keys agree left out.

    keys and rows and their spares have shape (n,), bins (6, 2048). Fills keys with the scores, largest first, rows with
    the order, ties in their order of appearance, and last (n,) with 1 where a run of ties ends. Returns whether these are
    in the spares instead.
    """
    cdef Py_ssize_t i, n = scores.shape[0]
    cdef int digit, b
    cdef bint swapped = False
    cdef int32_t start, count
    cdef uint64_t key
    cdef double x
    # The integers are sorted in the memory of the doubles that they become.
    cdef uint64_t* from_keys = <uint64_t*> &keys[0]
    cdef uint64_t* to_keys = <uint64_t*> &spare_keys[0]
    cdef int32_t* from_rows = &rows[0]
    cdef int32_t* to_rows = &spare_rows[0]
    cdef int32_t* slots
    with nogil:
        memset(&bins[0, 0], 0, 6 * 2048 * sizeof(int32_t))
        for i in range(n):
            x = scores[i] + 0.0  # the two zeros are one
            memcpy(&key, &x, 8)
            key = flip(key)
            from_keys[i] = key
            from_rows[i] = <int32_t> i
            for digit in range(6):
                bins[digit, (key >> (11 * digit)) & 2047] += 1
        for digit in range(6):
            slots = &bins[digit, 0]
            if slots[(from_keys[0] >> (11 * digit)) & 2047] == n:
                continue
            start = 0
            for b in range(2048):
                count = slots[b]
                slots[b] = start
                start += count
            for i in range(n):
                key = from_keys[i]
                b = (key >> (11 * digit)) & 2047
                to_keys[slots[b]] = key
                to_rows[slots[b]] = from_rows[i]
                slots[b] += 1
            from_keys, to_keys = to_keys, from_keys
            from_rows, to_rows = to_rows, from_rows
            swapped = not swapped
        last[n - 1] = 1
        for i in range(n - 1):
            last[i] = from_keys[i] != from_keys[i + 1]
        for i in range(n):
            from_keys[i] = flip(from_keys[i])
    return swapped


ctypedef fused label:
    uint8_t
    double


def split(const int32_t[:] order, const label[:] labels, const double[:] weight, double[::1] pos, double[::1] neg):
    """Weight of each row, in an order, for the positive and for the negative class; labels may be probabilities."""
    cdef Py_ssize_t i, row
    with nogil:
        for i in range(order.shape[0]):
            row = order[i]
            pos[i] = weight[row] * labels[row]
            neg[i] = weight[row] - pos[i]

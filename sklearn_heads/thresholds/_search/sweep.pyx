# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, freethreading_compatible=True
# cython: cdivision=True
"""Exact searches for a threshold: walk down the distinct scores with running confusion counts.

Rows are sorted by descending score and predicted positive when score >= threshold, so a threshold is a position: how many
rows from the top are positive, 0 meaning none.  `last[i]` is 1 where position i + 1 is a candidate, that is where row i ends a
run of tied scores: ties are one step.  A replicate (a bootstrap, or the data without a fold) is a vector of counts; nothing is
sorted twice.

A metric is a kind and six numbers, computed by the caller from the totals P and N of positive and negative weight:

    RATIO         (m0 + m1 tp + m2 fp) / (m3 + m4 tp + m5 fp); 0 when the denominator is not positive
    CORRELATION   (m1 tp + m2 fp) / sqrt(m3 q (m4 - q)) with q = tp + fp: the Matthews coefficient
    ROOT_PRODUCT  sqrt(tp (m1 - fp) / m0): the geometric mean of recall and specificity
    EXACT_MATCH   1 when tp = m0 and fp = 0: a row whose labels are all right
    TWO_RATIOS    m0 tp / (m1 + tp + fp) + m2 (m3 - fp) / (m4 - tp - fp): either class as the positive one, averaged

These functions neither allocate nor validate: `sklearn_heads.thresholds` does.  n rows, g groups, k classes.
"""
from libc.math cimport sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t

# Kinds of metric, as above.
cpdef enum:
    RATIO, CORRELATION, ROOT_PRODUCT, EXACT_MATCH, TWO_RATIOS

# Kinds of objective over several classes: a sum over them of a RATIO each, or a number of the whole table.
cpdef enum:
    GROUPS, MATTHEWS, KAPPA, COST

# Rounding in the running sums may miss a bound that exact arithmetic meets.
TOLERANCE = 1e-12
cdef double SLACK = TOLERANCE
# Rows of a block, of which only the sums may be needed.
cpdef enum:
    SWEEP_ROWS = 64

ctypedef fused label:  # 0 or 1, or a probability
    uint8_t
    double


cdef inline double value(int kind, const double* m, double tp, double fp) noexcept nogil:
    cdef double q
    if kind == RATIO:
        q = m[3] + m[4] * tp + m[5] * fp
        return (m[0] + m[1] * tp + m[2] * fp) / q if q > 0 else 0
    if kind == CORRELATION:
        q = tp + fp
        q = m[3] * q * (m[4] - q)
        return (m[1] * tp + m[2] * fp) / sqrt(q) if q > 0 else 0
    if kind == ROOT_PRODUCT:
        q = tp * (m[1] - fp)
        return sqrt(q / m[0]) if q > 0 else 0
    if kind == TWO_RATIOS:
        q = tp + fp
        return m[0] * tp / (m[1] + q) + m[2] * (m[3] - fp) / (m[4] - q)
    return tp == m[0] and fp == 0


def values(int kind, const double[:, ::1] metrics, const double[::1] tp, const double[::1] fp, double[::1] out):
    """The metric of each pair (tp, fp); `metrics` has one row for all, or one for each pair."""
    cdef Py_ssize_t i, stride = 6 if metrics.shape[0] > 1 else 0
    with nogil:
        for i in range(out.shape[0]):
            out[i] = value(kind, &metrics[0, 0] + i * stride, tp[i], fp[i])


cdef inline double drawn(const double* weight, const uint8_t* counts, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    """Weight of a replicate from row start to row stop."""
    cdef Py_ssize_t i, whole = stop - (stop - start) % 4
    cdef int j
    # Four sums at once: one would wait for each addition.
    cdef double[4] sums = [0, 0, 0, 0]
    for i in range(start, whole, 4):
        for j in range(4):
            sums[j] += counts[i + j] * weight[i + j]
    for i in range(whole, stop):
        sums[0] += counts[i] * weight[i]
    return sums[0] + sums[1] + (sums[2] + sums[3])


def totals(const double[::1] pos, const double[::1] neg, const uint8_t[::1] counts, Py_ssize_t stop):
    """Positive and negative weight of a replicate: tp and fp among the first `stop` rows, P and N among all."""
    cdef Py_ssize_t n = pos.shape[0]
    cdef double tp, fp, fn, tn
    with nogil:
        tp, fp = drawn(&pos[0], &counts[0], 0, stop), drawn(&neg[0], &counts[0], 0, stop)
        fn, tn = drawn(&pos[0], &counts[0], stop, n), drawn(&neg[0], &counts[0], stop, n)
    return tp, fp, tp + fn, fp + tn


def block_totals(const double[::1] pos, const double[::1] neg, const uint8_t[::1] counts, double[:, ::1] blocks):
    """Positive and negative weight of a replicate, P and N, and in `blocks` (SWEEP_ROWS rows each, the last may be shorter)."""
    cdef Py_ssize_t k, start, stop
    cdef double P = 0, N = 0
    with nogil:
        for k in range(blocks.shape[0]):
            start, stop = SWEEP_ROWS * k, min(SWEEP_ROWS * (k + 1), pos.shape[0])
            blocks[k, 0] = drawn(&pos[0], &counts[0], start, stop)
            blocks[k, 1] = drawn(&neg[0], &counts[0], start, stop)
            P += blocks[k, 0]
            N += blocks[k, 1]
    return P, N


cdef inline Py_ssize_t walk_ratio(
    const double* pos, const double* neg, const uint8_t* counts, const uint8_t* last, Py_ssize_t n,
    const double[:, ::1] blocks, const double* m, bint none_allowed, double* best,
) noexcept nogil:
    """`walk` for RATIO without a constraint, the common case.

    a / b > v is a - v b > 0, so nothing is divided; and a - v b is linear in (tp, fp), so within a block it is largest
    in a corner of what the block adds to them. Where even that corner is not positive, no threshold within is better than v:
    past the optimum hardly a block is entered.
    """
    cdef Py_ssize_t i, k, first = 0 if none_allowed else -1
    cdef double a, b, v = value(RATIO, m, 0, 0) if none_allowed else 0, tp, fp, tp_next = 0, fp_next = 0
    for k in range(blocks.shape[0]):
        tp, fp = tp_next, fp_next
        tp_next += blocks[k, 0]
        fp_next += blocks[k, 1]
        a = m[0] - v * m[3] + max((m[1] - v * m[4]) * tp, (m[1] - v * m[4]) * tp_next)
        if first >= 0 and a + max((m[2] - v * m[5]) * fp, (m[2] - v * m[5]) * fp_next) <= 0:
            continue
        for i in range(SWEEP_ROWS * k, min(SWEEP_ROWS * (k + 1), n)):
            tp += counts[i] * pos[i]
            fp += counts[i] * neg[i]
            if last[i]:
                a, b = m[0] + m[1] * tp + m[2] * fp, m[3] + m[4] * tp + m[5] * fp
                if a > v * b or first < 0:
                    first = i + 1
                    v = a / b if b > 0 else 0
    best[0] = v
    return first


cdef inline Py_ssize_t walk(
    const double* pos, const double* neg, const uint8_t* counts, const uint8_t* last, Py_ssize_t n, int kind,
    const double* metric, int limit_kind, const double* limit, double sense, double bound, bint none_allowed,
    double* best,
) noexcept nogil:
    """The first best position, -1 if there is none."""
    cdef Py_ssize_t i, first = -1
    cdef double v, tp = 0, fp = 0
    best[0] = 0
    if none_allowed and (sense == 0 or sense * (value(limit_kind, limit, 0, 0) - bound) >= -SLACK):
        first, best[0] = 0, value(kind, metric, 0, 0)
    for i in range(n):
        tp += counts[i] * pos[i]
        fp += counts[i] * neg[i]
        if last[i]:
            v = value(kind, metric, tp, fp)
            if v > best[0] or first < 0:
                if sense == 0 or sense * (value(limit_kind, limit, tp, fp) - bound) >= -SLACK:
                    first, best[0] = i + 1, v
    return first


def sweep(
    const double[::1] pos, const double[::1] neg, const uint8_t[::1] counts, const uint8_t[::1] last,
    const double[:, ::1] blocks, int kind, const double[::1] metric, int limit_kind, const double[::1] limit,
    double sense, double bound, bint none_allowed,
):
    """The best position for a metric, where sense * limit >= sense * bound; sense 0 for no such constraint.

    blocks are those of `block_totals`.  Returns (first, final, value): rows without weight in this replicate leave a
    gap of equally good positions from first to final.  first is -1 when no position satisfies the constraint.
    """
    cdef Py_ssize_t i, first, final, n = pos.shape[0]
    cdef double best
    with nogil:
        if kind == RATIO and sense == 0:
            first = walk_ratio(&pos[0], &neg[0], &counts[0], &last[0], n, blocks, &metric[0], none_allowed, &best)
        else:
            first = walk(&pos[0], &neg[0], &counts[0], &last[0], n, kind, &metric[0], limit_kind, &limit[0], sense,
                         bound, none_allowed, &best)
        final, i = first, first
        while 0 <= i < n and (counts[i] == 0 or (pos[i] == 0 and neg[i] == 0)):
            i += 1
            if last[i - 1]:
                final = i
    return first, final, best


def column_totals(
    const int32_t[:, ::1] order, const int32_t[::1] sizes, const label[:, ::1] labels, const double[::1] weight,
    const int64_t[::1] stops, double[:, ::1] out,
):
    """For each column tp and fp among its first stops[c] rows, P and N among all: out (4, L).

    Columns are kept one per row: order[c, i] is the row of the i-th largest score, labels[c, i] what it is labelled (or the
    probability of that), and only the first sizes[c] count.  weight is that of the rows in this replicate.
    """
    cdef Py_ssize_t c, i
    cdef double w, p, tp, fp, P, N
    with nogil:
        for c in range(order.shape[0]):
            tp = fp = P = N = 0
            for i in range(sizes[c]):
                w = weight[order[c, i]]
                p = w * labels[c, i]
                if i == stops[c]:
                    tp, fp = P, N
                P += p
                N += w - p
            if stops[c] >= sizes[c]:
                tp, fp = P, N
            out[0, c], out[1, c], out[2, c], out[3, c] = tp, fp, P, N


def sweep_columns(
    const int32_t[:, ::1] order, const int32_t[::1] sizes, const uint8_t[:, ::1] last, const label[:, ::1] labels,
    const double[::1] weight, const uint8_t[::1] free, int kind, const double[:, ::1] metrics, int limit_kind,
    const double[:, ::1] limits, double sense, double bound, const uint8_t[::1] none_allowed, int64_t[:, ::1] solution,
):
    """`sweep` for each free column, whose row of metrics (or the only one) is its own: the equally good best positions from
    solution[c, 0] to solution[c, 1]; -1 where no position satisfies the constraint.  Columns as in `column_totals`.
    """
    cdef Py_ssize_t c, i, first, final, stride = 6 if metrics.shape[0] > 1 else 0
    cdef Py_ssize_t limit_stride = 6 if limits.shape[0] > 1 else 0
    cdef double w, p, v, best, tp, fp
    cdef const double* m
    cdef const double* limit
    with nogil:
        for c in range(order.shape[0]):
            if not free[c]:
                continue
            m, limit = &metrics[0, 0] + c * stride, &limits[0, 0] + c * limit_stride
            tp = fp = best = 0
            first = -1
            if none_allowed[c] and (sense == 0 or sense * (value(limit_kind, limit, 0, 0) - bound) >= -SLACK):
                first, best = 0, value(kind, m, 0, 0)
            for i in range(sizes[c]):
                w = weight[order[c, i]]
                p = w * labels[c, i]
                tp += p
                fp += w - p
                if not last[c, i]:
                    continue
                if kind == RATIO and first >= 0 and m[0] + m[1] * tp + m[2] * fp <= best * (m[3] + m[4] * tp + m[5] * fp):
                    continue  # no better, found without a division
                v = value(kind, m, tp, fp)
                if v > best or first < 0:
                    if sense == 0 or sense * (value(limit_kind, limit, tp, fp) - bound) >= -SLACK:
                        first, best = i + 1, v
            final, i = first, first
            while 0 <= i < sizes[c] and weight[order[c, i]] == 0:
                i += 1
                if last[c, i - 1]:
                    final = i
            solution[c, 0], solution[c, 1] = first, final


def weight_above(const int32_t[:, ::1] order, const double[::1] weight, const int64_t[:, ::1] solution, double[:, ::1] out):
    """Weight of the rows above each of two positions of each column; none counts as half of the first row."""
    cdef Py_ssize_t c, i
    cdef int j
    cdef double above
    with nogil:
        for c in range(order.shape[0]):
            for j in range(2):
                above = 0
                for i in range(solution[c, j]):
                    above += weight[order[c, i]]
                out[c, j] = above if solution[c, j] > 0 else weight[order[c, 0]] / 2


def sweep_groups(
    const double[::1] pos, const double[::1] neg, const int32_t[::1] group, const uint8_t[::1] last, int kind,
    const double[:, ::1] metrics, const double[::1] share, double[::1] tp, double[::1] fp, bint none_allowed,
):
    """The best position for sum_g share_g metric_g(tp_g, fp_g), each entry belonging to a group.

    Labels as groups: a macro average under one threshold.  Rows as groups: an average over rows, moving one label's threshold.
    tp and fp hold the counts with none of the entries positive; they are overwritten.  Returns as `sweep`.
    """
    cdef Py_ssize_t i, g, first = 0 if none_allowed else -1, final = first
    cdef double total = 0, best, change
    cdef bint moved = False
    with nogil:
        for g in range(share.shape[0]):
            total += share[g] * value(kind, &metrics[g, 0], tp[g], fp[g])
        best = total
        for i in range(pos.shape[0]):
            g = group[i]
            if share[g] != 0 and (pos[i] != 0 or neg[i] != 0):
                change = -value(kind, &metrics[g, 0], tp[g], fp[g])
                tp[g] += pos[i]
                fp[g] += neg[i]
                total += share[g] * (change + value(kind, &metrics[g, 0], tp[g], fp[g]))
                moved = True
            if not last[i]:
                continue
            if total > best + SLACK or first < 0:
                first, final, best, moved = i + 1, i + 1, total, False
            elif not moved:
                final = i + 1
    return first, final, best


def sweep_classes(
    const int32_t[::1] truth, const int32_t[::1] rival, const double[::1] weight, const uint8_t[::1] last, int target,
    int kind, const double[:, ::1] metrics, const double[::1] share, const double[:, ::1] cost,
    const double[::1] actual, double[::1] tp, double[::1] predicted,
):
    """The best position when the first rows leave their rival class for the target class.

    GROUPS sums share_c metric_c(tp_c, fp_c) over the classes; MATTHEWS, Cohen's KAPPA and COST, minus its mean, are of all.
    tp and predicted hold the weight of each class with every row at its rival; they are overwritten.
    Returns (first, value); position 0 gives no row to the target.
    """
    cdef Py_ssize_t i, c, first = 0, k = share.shape[0]
    cdef double w, v, best, n = 0, hits = 0, overlap = 0, squares = 0, actual_squares = 0, total = 0
    cdef int r, y
    with nogil:
        for c in range(k):
            n += actual[c]
            hits += tp[c]
            overlap += predicted[c] * actual[c]
            squares += predicted[c] * predicted[c]
            actual_squares += actual[c] * actual[c]
            if kind == GROUPS:
                total += share[c] * value(RATIO, &metrics[c, 0], tp[c], predicted[c] - tp[c])
        if kind == COST:
            for i in range(truth.shape[0]):
                total -= weight[i] * cost[truth[i], rival[i]] / n
        best = class_value(kind, total, n, hits, overlap, squares, actual_squares)
        for i in range(truth.shape[0]):
            r, y, w = rival[i], truth[i], weight[i]
            if kind == GROUPS:
                total -= share[r] * value(RATIO, &metrics[r, 0], tp[r], predicted[r] - tp[r])
                total -= share[target] * value(RATIO, &metrics[target, 0], tp[target], predicted[target] - tp[target])
            elif kind == COST:
                total += w * (cost[y, r] - cost[y, target]) / n
            else:
                overlap += w * (actual[target] - actual[r])
                squares += 2 * w * (predicted[target] - predicted[r] + w)
                hits += w * ((y == target) - (y == r))
            predicted[r] -= w
            predicted[target] += w
            tp[r] -= w * (y == r)
            tp[target] += w * (y == target)
            if kind == GROUPS:
                total += share[r] * value(RATIO, &metrics[r, 0], tp[r], predicted[r] - tp[r])
                total += share[target] * value(RATIO, &metrics[target, 0], tp[target], predicted[target] - tp[target])
            if last[i]:
                v = class_value(kind, total, n, hits, overlap, squares, actual_squares)
                if v > best + SLACK:
                    first, best = i + 1, v
    return first, best


cdef inline double class_value(
    int kind, double total, double n, double hits, double overlap, double squares, double actual_squares,
) noexcept nogil:
    cdef double d
    if kind == MATTHEWS:
        d = (n * n - squares) * (n * n - actual_squares)
        return (hits * n - overlap) / sqrt(d) if d > 0 else 0
    if kind == KAPPA:
        d = n * n - overlap
        return (hits * n - overlap) / d if d > 0 else 0
    return total

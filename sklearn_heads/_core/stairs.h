/* Stairs: what the many bins of a column add to the first layer, from two vectors instead of one for each bin.
 *
 * The bins of a column rise one after another, from -1/2 to 1/2.  So where the value lies in bin b, or short of the next, and that
 * bin has come to `ramp`, the bins below are at 1/2 and those above at -1/2, and the column adds
 *
 *     step_b + ramp W_b,      step_b = (sum of W over the bins below b - sum over those above b) / 2,
 *
 * where W_b is the bin's row of weights.  Steps are running sums: they are computed once for many rows.  The gradient of W_b is,
 * with D_b the sum of the deltas of the rows that lie in bin b, and R_b that sum weighted by their ramps,
 *
 *     R_b + (sum of D over the bins above b - sum over those below b) / 2.
 *
 * A batch holds the bin of each row and column, counted over all columns (the cell), and its ramp, in rows of whole vectors.  Where
 * this pays, and where bins overlap or are few, is decided in rows.pyx.  A template inside loops.h.
 */
#define UNITS ((size)(64 / sizeof(REAL))) /* of the layer, a cache line of them */
#define PER_LINE (UNITS / LANES)          /* vectors */
#define AT_ONCE (4 / PER_LINE > 1 ? 4 / PER_LINE : 1) /* rows: four sums hide each other's latency, eight fill the registers */

/* Where the values z of a row lie: cells, and ramps, of the columns that have bins. */
LOOP FN(cells_of_row)(const Encoding *encoding, const REAL *restrict z, int32_t *restrict cell, REAL *restrict ramp)
{
    const REAL *restrict low = encoding->low, *restrict slope = encoding->slope, half = (REAL)0.5;
    const int32_t B = (int32_t)encoding->n_bins;
    const size whole = WHOLE_VECTORS(encoding->binned[0]);
    SIMD EACH(j, whole) cell[j] = (int32_t)j * B, ramp[j] = -half;
    EACH(b, B) {
        const size m = encoding->binned[b];
        SIMD EACH(j, WHOLE_VECTORS(m)) {
            const REAL rise = (z[j] - low[j]) * slope[j], capped = rise > 1 ? 1 : rise;
            const int begun = (rise > 0) & (j < m);
            ramp[j] = begun ? capped - half : ramp[j];
            cell[j] = begun ? (int32_t)j * B + (int32_t)b : cell[j];
        }
        low += m, slope += m;
    }
}

/* Bins of column j. */
static inline size FN(bins_of)(const Encoding *encoding, size j)
{
    size b = 0;
    while (b < encoding->n_bins && j < encoding->binned[b]) ++b;
    return b;
}

/* The steps of column j at UNITS units, and the weights behind each, up to bin `last`.  W: the column's first row of weights, at
 * these units.  Bin by bin the rows lie binned[b] apart.  step and weights are of UNITS each, `apart` from bin to bin. */
static inline void FN(steps_of)(const Encoding *encoding, size j, size last, const REAL *restrict W, REAL *restrict step,
                                REAL *restrict weights, size apart, size h)
{
    const size bins = FN(bins_of)(encoding, j);
    const REAL half = (REAL)0.5, *row = W;
    FN(Vector) sum[PER_LINE], below[PER_LINE];
    memset(sum, 0, sizeof sum);
    for (size b = 1; b < bins; ++b) {
        row += encoding->binned[b - 1] * h;
        UNROLL EACH(v, PER_LINE) sum[v] -= half * VECTOR_IN(row + v * LANES);
    }
    row = W;
    UNROLL EACH(v, PER_LINE) below[v] = VECTOR_IN(W + v * LANES);
    for (size b = 0;; ++b) {
        UNROLL EACH(v, PER_LINE) {
            VECTOR(step + v * LANES) = sum[v];
            VECTOR(weights + v * LANES) = below[v];
        }
        if (b == last) return;
        row += encoding->binned[b] * h;
        UNROLL EACH(v, PER_LINE) {
            const FN(Vector) here = VECTOR_IN(row + v * LANES);
            sum[v] += half * (below[v] + here);
            below[v] = here;
        }
        step += apart, weights += apart;
    }
}

/* Of UNITS units from `first` on: for each cell its step and its weights, side by side.  W is the first layer's. */
LOOP FN(climb)(const Encoding *encoding, const void *W_, void *stairs_, size first, size h)
{
    const REAL *W = (const REAL *)W_ + encoding->n_columns * h + first;
    const size m = encoding->binned[0], B = encoding->n_bins;
    REAL *stairs = (REAL *)stairs_ + first / UNITS * m * B * 2 * UNITS;
    EACH(j, m) {
        REAL *at = stairs + j * B * 2 * UNITS;
        FN(steps_of)(encoding, j, FN(bins_of)(encoding, j) - 1, W + j * h, at, at + UNITS, 2 * UNITS, h);
    }
}

/* Some rows of z, at UNITS units of which `wanted` are there: from z to sums, and back. */
#define TAKE(sum, z) \
    if (wanted == UNITS) { UNROLL EACH(v, PER_LINE) (sum)[v] = VECTOR_IN((z) + v * LANES); } \
    else { memset(sum, 0, 64); memcpy(sum, z, (size_t)wanted * sizeof(REAL)); }
#define GIVE(sum, z) \
    if (relu) { UNROLL EACH(v, PER_LINE) (sum)[v] = FN(gated)((sum)[v], (sum)[v]); } \
    if (wanted == UNITS) { UNROLL EACH(v, PER_LINE) VECTOR((z) + v * LANES) = (sum)[v]; } \
    else memcpy(z, sum, (size_t)wanted * sizeof(REAL))
#define ADD_CELL(sum, step, weights, ramp) \
    UNROLL EACH(v, PER_LINE) (sum)[v] += VECTOR_IN((step) + v * LANES) + (ramp) * VECTOR_IN((weights) + v * LANES)

/* z (n, h) += what bins and gap indicators add; then its ReLU, if wanted.  x: the rows' other values, indicators last.  stairs NULL
 * stands for few rows, whose steps are computed as they need them, to the same bits. */
LOOP FN(add_stairs)(const Encoding *encoding, const int32_t *cell, const void *ramp_, const void *x_, const void *W_,
                    const void *stairs_, int relu, void *z_, size n, size h)
{
    IN(ramp); IN(x); OUT(z);
    const REAL *W = (const REAL *)W_ + encoding->n_columns * h, *gaps = W + encoding->n_added * h;
    const size m = encoding->binned[0], B = encoding->n_bins, row = WHOLE_VECTORS(m);
    const size width = encoding->n_columns + encoding->n_gaps;
    for (size first = 0; first < h; first += UNITS) {
        const size wanted = h - first < UNITS ? h - first : UNITS;
        const REAL *restrict stairs = (const REAL *)stairs_ + first / UNITS * m * B * 2 * UNITS;
        size i = 0;
        for (; stairs_ && i + AT_ONCE <= n; i += AT_ONCE) {
            FN(Vector) sums[AT_ONCE][PER_LINE];
            UNROLL EACH(r, AT_ONCE) { TAKE(sums[r], z + (i + r) * h + first); }
            EACH(j, m) UNROLL EACH(r, AT_ONCE) {
                const REAL *restrict at = stairs + (size)cell[(i + r) * row + j] * 2 * UNITS;
                const REAL t = ramp[(i + r) * row + j];
                ADD_CELL(sums[r], at, at + UNITS, t);
            }
            EACH(q, encoding->n_gaps) UNROLL EACH(r, AT_ONCE) {
                const REAL t = x[(i + r) * width + encoding->n_columns + q];
                UNROLL EACH(v, PER_LINE) sums[r][v] += t * VECTOR_IN(gaps + q * h + first + v * LANES);
            }
            UNROLL EACH(r, AT_ONCE) { GIVE(sums[r], z + (i + r) * h + first); }
        }
        for (; i < n; ++i) {
            FN(Vector) sum[PER_LINE];
            REAL own[2 * UNITS];
            TAKE(sum, z + i * h + first);
            EACH(j, m) {
                const size at = cell[i * row + j];
                const REAL *step = stairs + at * 2 * UNITS, t = ramp[i * row + j];
                if (!stairs_) {
                    FN(steps_of)(encoding, j, at - j * B, W + j * h + first, own, own + UNITS, 0, h);
                    step = own;
                }
                ADD_CELL(sum, step, step + UNITS, t);
            }
            EACH(q, encoding->n_gaps) {
                const REAL t = x[i * width + encoding->n_columns + q];
                UNROLL EACH(v, PER_LINE) sum[v] += t * VECTOR_IN(gaps + q * h + first + v * LANES);
            }
            GIVE(sum, z + i * h + first);
        }
    }
}

/* The gradient of the bins' weights of `columns` columns from `first` on: bin by bin, of those of these columns that have it.
 * The rows are sorted by their cell, one column after another, so that the sums of a bin stay in registers.  scratch is of
 * stairs_scratch values. */
LOOP FN(stairs_gradient)(const Encoding *encoding, const int32_t *cell, const void *ramp_, const void *delta_, void *scratch,
                         void *g_, size first, size columns, size n, size h)
{
    IN(ramp); IN(delta); OUT(g);
    const size B = encoding->n_bins, row = WHOLE_VECTORS(encoding->binned[0]);
    REAL *restrict sorted = scratch;
    FN(Vector) *D = (FN(Vector) *)(sorted + n), *R = D + 4 * B;
    int32_t *restrict rows = (int32_t *)(R + 4 * B), *restrict end = rows + n;
    for (size j = first; j < first + columns; ++j) {
        const size bins = FN(bins_of)(encoding, j);
        memset(end, 0, (size_t)(B + 1) * sizeof *end);
        EACH(i, n) ++end[cell[i * row + j] - j * B + 1];
        EACH(b, B) end[b + 1] += end[b];
        EACH(i, n) {
            const int32_t at = end[cell[i * row + j] - j * B]++;
            rows[at] = (int32_t)i;
            sorted[at] = ramp[i * row + j];
        }
        for (size unit = 0; unit < h; unit += 4 * LANES) {
            const size wanted = h - unit < 4 * LANES ? h - unit : 4 * LANES;
            const REAL half = (REAL)0.5;
            FN(Vector) rest[4];
            memset(rest, 0, sizeof rest);
            EACH(b, bins) {
                FN(Vector) d[4], r[4];
                memset(d, 0, sizeof d);
                memset(r, 0, sizeof r);
                for (size at = b ? end[b - 1] : 0; at < end[b]; ++at) {
                    const REAL *restrict from = delta + rows[at] * h + unit, t = sorted[at];
                    UNROLL EACH(v, 4) {
                        const FN(Vector) x = VECTOR_IN(from + v * LANES);
                        d[v] += x;
                        r[v] += t * x;
                    }
                }
                UNROLL EACH(v, 4) {
                    D[4 * b + v] = d[v];
                    R[4 * b + v] = r[v];
                    if (b) rest[v] += half * d[v];
                }
            }
            REAL *to = g + (j - first) * h + unit;
            EACH(b, bins) {
                FN(Vector) total[4];
                UNROLL EACH(v, 4) {
                    total[v] = R[4 * b + v] + rest[v];
                    if (b + 1 < bins) rest[v] -= half * (D[4 * b + v] + D[4 * (b + 1) + v]);
                }
                memcpy(to, total, (size_t)wanted * sizeof(REAL));
                to += ((encoding->binned[b] < first + columns ? encoding->binned[b] : first + columns) - first) * h;
            }
        }
    }
}

#undef UNITS
#undef PER_LINE
#undef AT_ONCE
#undef TAKE
#undef GIVE
#undef ADD_CELL

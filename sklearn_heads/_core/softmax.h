/* Softmax and its cross-entropy, a strip of up to STRIP rows at a time, turned so that rows lie along the vector.
 *
 * A template inside loops.h.  TILE columns of a strip are kept on the stack; of more, each sweep over them loads them anew.  The
 * loops along a group of rows are one vector, or two, with AVX-512 and AVX2.
 *
 * What a row's columns share: the largest logit and, counted without one that is the largest, the sum of exp(z - largest).
 * With S = 1 + others:  p_j = exp(z_j - largest) / S,  -log p_j = log1p(others) + largest - z_j.
 */
#ifndef STRIP
#define STRIP 64
#define TILE 32
#endif
/* A tile of c columns is h groups of rows; a group is c columns of GROUP rows, and row r stands in group r % h at place r / h. */
typedef struct {
    const REAL *z; /* the first of its rows */
    size rows, k, h;
    REAL largest[STRIP], others[STRIP];
    REAL tile[TILE * STRIP], spare[TILE * STRIP];
} FN(Strip);

#define COLUMNS(name) REAL *restrict name
#define CHUNKS(first, c, k) for (size first = 0, c; c = (k) - first < TILE ? (k) - first : TILE, first < (k); first += TILE)
#define EACH_COLUMN(g, j) EACH(g, h) EACH(j, c)
#define AT ((g * c + j) * GROUP + r)
#define ROW (g * GROUP + r)

/* ---- rows to columns and back ---- */

/* The way back from interleaving (loops.h) heaps that follow one another. */
LOOP FN(separate)(const REAL *restrict in, size m, REAL *restrict out)
{
    SIMD EACH(i, m) { UNROLLED EACH(q, GROUP) out[q * m + i] = in[GROUP * i + q]; }
}

static inline void FN(copy_rows)(const REAL *restrict in, size k_in, REAL *restrict out, size k_out, size rows, size c)
{
    if (c == k_in && c == k_out) memcpy(out, in, (size_t)(rows * c) * sizeof(REAL));
    else EACH(r, rows) memcpy(out + r * k_out, in + r * k_in, (size_t)c * sizeof(REAL));
}

/* Columns first .. first + c of the strip's rows x (rows, k), into a tile. */
static void FN(load)(FN(Strip) *s, const REAL *x, size first, size c, REAL *tile)
{
    const size all = s->h * GROUP;
    const int whole = s->rows == all && c == s->k;
    if (!whole) {
        FN(copy_rows)(x + first, s->k, s->spare, c, s->rows, c);
        memset(s->spare + s->rows * c, 0, (size_t)((all - s->rows) * c) * sizeof(REAL));
    }
    FN(interleave)(whole ? x : s->spare, s->h * c, s->h * c, tile); /* heap q: rows q h .. q h + h - 1 */
}

static void FN(store)(FN(Strip) *s, REAL *x, size first, size c)
{
    const int whole = s->rows == s->h * GROUP && c == s->k;
    FN(separate)(s->tile, s->h * c, whole ? x : s->spare);
    if (!whole) FN(copy_rows)(s->spare, c, x + first, s->k, s->rows, c);
}

/* ---- what a row's columns share ---- */

/* z - largest; a logit that equals the largest is at distance 0, infinities included. */
static inline REAL FN(distance)(REAL z, REAL largest) { return z == largest ? 0 : z - largest; }

/* exp(z - largest), where what the subtraction rounds off (TwoDiff, Knuth) is taken along.  Without it the relative error
 * grows with the margin: 3e-14 at a margin of 500. */
static inline REAL FN(exp_distance)(REAL z, REAL largest)
{
    const REAL d = z - largest;
    const REAL back = d - z;
    const REAL slip = (largest + back) - (z - (d - back));
    return z == largest ? 1 : FN(exp_less)(d, slip);
}

static inline REAL FN(larger)(REAL x, REAL y) { return x > y ? x : y; }

/* Four columns in one go, since each visit to the accumulators stores them; past the last, the last is taken again. */
LOOP FN(find_largest)(const COLUMNS(tile), size c, size h, COLUMNS(largest))
{
    EACH(g, h) for (size j = 0; j < c; j += 4) {
        const REAL *z = tile + (g * c + j) * GROUP;
        const size last = c - 1 - j, one = (last < 1 ? last : 1) * GROUP, two = (last < 2 ? last : 2) * GROUP,
                   three = (last < 3 ? last : 3) * GROUP;
        SIMD EACH(r, GROUP)
            largest[ROW] = FN(larger)(FN(larger)(FN(larger)(z[r], z[one + r]), FN(larger)(z[two + r], z[three + r])),
                                      largest[ROW]);
    }
}

/* The tile becomes exp(z - largest), while the next strip's logits, and where the results will go, are fetched. */
LOOP FN(exp_tile)(const COLUMNS(largest), size c, size h, COLUMNS(tile), const REAL *next, const REAL *out)
{
    EACH_COLUMN(g, j) {
        SIMD EACH(r, GROUP) tile[AT] = FN(exp_distance)(tile[AT], largest[ROW]);
        PREFETCH(next + (g * c + j) * GROUP);
        PREFETCH(out + (g * c + j) * GROUP);
    }
}

/* Four columns in one go again, added pairwise; the groups of four by a compensated sum (Kahan), whose error does not grow with
 * k.  Columns that equal the largest are counted instead, and one of them left out at the end. */
LOOP FN(add_others)(const COLUMNS(tile), size c, size h, COLUMNS(others), COLUMNS(lost), COLUMNS(equal), const REAL *none)
{
    EACH(g, h) for (size j = 0; j < c; j += 4) {
        const REAL *e0 = tile + (g * c + j) * GROUP, *e1 = j + 1 < c ? e0 + GROUP : none, *e2 = j + 2 < c ? e0 + 2 * GROUP : none,
                   *e3 = j + 3 < c ? e0 + 3 * GROUP : none;
        SIMD EACH(r, GROUP) {
            const REAL i0 = e0[r] == 1 ? 1 : 0, i1 = e1[r] == 1 ? 1 : 0, i2 = e2[r] == 1 ? 1 : 0, i3 = e3[r] == 1 ? 1 : 0;
            const REAL term = (((e0[r] - i0) + (e1[r] - i1)) + ((e2[r] - i2) + (e3[r] - i3))) - lost[ROW];
            const REAL total = others[ROW] + term;
            lost[ROW] = (total - others[ROW]) - term;
            others[ROW] = total;
            equal[ROW] += (i0 + i1) + (i2 + i3);
        }
    }
}

/* The tile: logits. */
static void FN(begin)(FN(Strip) *s, const REAL *z, size rows, size k)
{
    s->z = z; s->rows = rows; s->k = k;
    s->h = (rows + GROUP - 1) / GROUP;
    EACH(r, STRIP) s->largest[r] = -INFINITY;
    CHUNKS(first, c, k) {
        FN(load)(s, z, first, c, s->tile);
        FN(find_largest)(s->tile, c, s->h, s->largest);
    }
}

/* The tile: from logits to exp(z - largest).  `out` is where the strip's results will go. */
static void FN(sum_others)(FN(Strip) *s, const REAL *out)
{
    REAL lost[STRIP] = {0}, equal[STRIP] = {0}, none[GROUP] = {0};
    EACH(r, STRIP) s->others[r] = 0;
    CHUNKS(first, c, s->k) {
        if (s->k > TILE) FN(load)(s, s->z, first, c, s->tile);
        FN(exp_tile)(s->largest, c, s->h, s->tile, s->z + (s->k + first) * STRIP, out);
        FN(add_others)(s->tile, c, s->h, s->others, lost, equal, none);
    }
    EACH(r, STRIP) s->others[r] += equal[r] - 1;
}

/* The same for one of several chunks, once the sum is known. */
static inline void FN(exp_again)(FN(Strip) *s, size first, size c)
{
    if (s->k <= TILE) return;
    FN(load)(s, s->z, first, c, s->tile);
    FN(exp_tile)(s->largest, c, s->h, s->tile, s->z, s->z);
}

LOOP FN(log1p_rows)(const COLUMNS(others), COLUMNS(out)) { SIMD EACH(r, STRIP) out[r] = FN(log1p_nonnegative)(others[r]); }

LOOP FN(invert_rows)(const COLUMNS(others), COLUMNS(out)) { SIMD EACH(r, STRIP) out[r] = 1 / (1 + others[r]); }

/* ---- softmax and its logarithm ---- */

LOOP FN(proba_tile)(const COLUMNS(inverse), size c, size h, COLUMNS(e))
{
    EACH_COLUMN(g, j) SIMD EACH(r, GROUP) e[AT] *= inverse[ROW];
}

/* Finite logits further apart than the largest number give -LARGEST, not -inf. */
LOOP FN(log_proba_tile)(const COLUMNS(largest), const COLUMNS(log_sum), size c, size h, COLUMNS(tile))
{
    EACH_COLUMN(g, j) SIMD EACH(r, GROUP) {
        const REAL z = tile[AT], d = FN(distance)(z, largest[ROW]);
        const REAL bounded = ((d < -LARGEST) & (z >= -LARGEST) & (largest[ROW] <= LARGEST)) ? -LARGEST : d;
        tile[AT] = bounded - log_sum[ROW];
    }
}

static void FN(softmax)(const void *z_, void *out_, size n, size k)
{
    FN(Strip) s;
    REAL inverse[STRIP];
    for (size i = 0; i < n; i += STRIP) {
        REAL *out = (REAL *)out_ + i * k;
        FN(begin)(&s, (const REAL *)z_ + i * k, n - i < STRIP ? n - i : STRIP, k);
        FN(sum_others)(&s, out);
        FN(invert_rows)(s.others, inverse);
        CHUNKS(first, c, k) {
            FN(exp_again)(&s, first, c);
            FN(proba_tile)(inverse, c, s.h, s.tile);
            FN(store)(&s, out, first, c);
        }
    }
}

static void FN(log_softmax)(const void *z_, void *out_, size n, size k)
{
    FN(Strip) s;
    REAL log_sum[STRIP];
    for (size i = 0; i < n; i += STRIP) {
        REAL *out = (REAL *)out_ + i * k;
        FN(begin)(&s, (const REAL *)z_ + i * k, n - i < STRIP ? n - i : STRIP, k);
        FN(sum_others)(&s, out);
        FN(log1p_rows)(s.others, log_sum);
        CHUNKS(first, c, k) {
            FN(load)(&s, s.z, first, c, s.tile);
            FN(log_proba_tile)(s.largest, log_sum, c, s.h, s.tile);
            FN(store)(&s, out, first, c);
        }
    }
}

/* ---- cross-entropy ---- */

/* Cross-entropy of target rows t (total T, usually 1) against logits z, with e_j = exp(z_j - largest):
 *     loss           = sum_j t_j (largest - z_j) + T log1p(others)
 *     d loss / d z_j = T p_j - t_j = ((T - t_j) e_j - t_j (S - e_j)) / S,   S - e_j = (1 - e_j) + others.
 * No term of the loss is negative, nor one of S - e_j, and for a one-hot target the gradient is a single term: nothing cancels.
 * A target of 0 drops its term even when the distance is inf. */
static inline REAL FN(linear)(REAL t, REAL z, REAL largest)
{
    const REAL term = t * FN(distance)(z, largest);
    return t == 0 ? 0 : -term;
}

static inline REAL FN(slope)(REAL t, REAL total, REAL e, REAL others, REAL inverse)
{
    return ((total - t) * e - t * ((1 - e) + others)) * inverse;
}

/* Targets as class ids make no matrix of targets: the loss needs one logit a row, and where all other targets are `miss`, all
 * columns with that weight. */
LOOP FN(add_linear_ids)(REAL miss, const COLUMNS(z), const COLUMNS(largest), size c, size h, COLUMNS(linear))
{
    EACH_COLUMN(g, j) SIMD EACH(r, GROUP) linear[ROW] += FN(linear)(miss, z[AT], largest[ROW]);
}

LOOP FN(gradient_ids)(REAL hit, REAL miss, REAL total, const COLUMNS(id), size first, const COLUMNS(others),
                      const COLUMNS(inverse), size c, size h, COLUMNS(e))
{
    EACH_COLUMN(g, j) {
        const REAL column = (REAL)(first + j);
        SIMD EACH(r, GROUP) {
            const REAL t = id[ROW] == column ? hit : miss;
            e[AT] = FN(slope)(t, total, e[AT], others[ROW], inverse[ROW]);
        }
    }
}

LOOP FN(add_linear)(const COLUMNS(t), const COLUMNS(z), const COLUMNS(largest), size c, size h, COLUMNS(linear), COLUMNS(total))
{
    EACH_COLUMN(g, j) SIMD EACH(r, GROUP) {
        linear[ROW] += FN(linear)(t[AT], z[AT], largest[ROW]);
        total[ROW] += t[AT];
    }
}

LOOP FN(gradient)(const COLUMNS(t), const COLUMNS(total), const COLUMNS(others), const COLUMNS(inverse), size c, size h,
                  COLUMNS(e))
{
    EACH_COLUMN(g, j) SIMD EACH(r, GROUP)
        e[AT] = FN(slope)(t[AT], total[ROW], e[AT], others[ROW], inverse[ROW]);
}

/* linear becomes the loss; z: the logits of weight t. */
LOOP FN(loss_rows)(REAL t, const COLUMNS(z), const COLUMNS(largest), const COLUMNS(total), const COLUMNS(others), COLUMNS(linear))
{
    SIMD EACH(r, STRIP)
        linear[r] = (linear[r] + FN(linear)(t, z[r], largest[r])) + total[r] * FN(log1p_nonnegative)(others[r]);
}

static void FN(cross_entropy)(Targets t, const void *z_, void *loss_, void *gradient_, size n, size k)
{
    FN(Strip) s;
    REAL targets[TILE * STRIP], id[STRIP] = {0}, picked[STRIP] = {0}, linear[STRIP], total[STRIP], inverse[STRIP];
    const REAL hit = (REAL)t.hit, miss = (REAL)t.miss, sum = (REAL)(t.hit + (double)(k - 1) * t.miss);
    for (size i = 0; i < n; i += STRIP) {
        const REAL *z = (const REAL *)z_ + i * k, *matrix = t.matrix ? (const REAL *)t.matrix + i * k : NULL;
        REAL *gradient = gradient_ ? (REAL *)gradient_ + i * k : NULL;
        FN(begin)(&s, z, n - i < STRIP ? n - i : STRIP, k);
        EACH(r, STRIP) { linear[r] = 0; total[r] = matrix ? 0 : sum; }
        if (matrix || miss != 0) CHUNKS(first, c, k) {
            if (k > TILE) FN(load)(&s, z, first, c, s.tile);
            if (matrix) {
                FN(load)(&s, matrix, first, c, targets);
                FN(add_linear)(targets, s.tile, s.largest, c, s.h, linear, total);
            } else FN(add_linear_ids)(miss, s.tile, s.largest, c, s.h, linear);
        }
        if (!matrix) EACH(g, s.h) for (size r = 0, row = g; row < s.rows; ++r, row += s.h) {
            id[ROW] = (REAL)t.ids[i + row];
            picked[ROW] = z[row * k + t.ids[i + row]];
        }
        FN(sum_others)(&s, gradient ? gradient : z);
        if (loss_) {
            FN(loss_rows)(matrix ? 0 : hit - miss, picked, s.largest, total, s.others, linear);
            EACH(g, s.h) for (size r = 0, row = g; row < s.rows; ++r, row += s.h) ((REAL *)loss_)[i + row] = linear[ROW];
        }
        if (!gradient) continue;
        FN(invert_rows)(s.others, inverse);
        CHUNKS(first, c, k) {
            FN(exp_again)(&s, first, c);
            if (matrix) {
                if (k > TILE) FN(load)(&s, matrix, first, c, targets);
                FN(gradient)(targets, total, s.others, inverse, c, s.h, s.tile);
            } else FN(gradient_ids)(hit, miss, sum, id, first, s.others, inverse, c, s.h, s.tile);
            FN(store)(&s, gradient, first, c);
        }
    }
}

#undef COLUMNS
#undef CHUNKS
#undef EACH_COLUMN
#undef AT
#undef ROW

/* Softmax and its cross-entropy, a strip of STRIP rows at a time, turned so that the rows lie along the vector.
 *
 * A template inside loops.h.  TILE columns of a strip are kept on the stack; of more, each sweep over them loads them anew.
 *
 * What a row's columns share: the largest logit and, counted without one that is the largest, the sum of exp(z - largest).
 * With S = 1 + others:  p_j = exp(z_j - largest) / S,  -log p_j = log1p(others) + largest - z_j.
 */
#ifndef STRIP
#define STRIP 64
#define TILE 32
#endif

typedef struct {
    const REAL *z;   /* the first of its rows */
    size rows, k;
    size width;      /* rows rounded up to whole vectors: how far the loops go */
    REAL largest[STRIP], others[STRIP];
    REAL tile[TILE * STRIP], spare[TILE * STRIP];
} FN(Strip);

#define COLUMNS(name) REAL *restrict name
#define CHUNKS(first, c, k) for (size first = 0, c; c = (k) - first < TILE ? (k) - first : TILE, first < (k); first += TILE)

/* ---- rows to columns and back ---- */

/* Shuffle eight heaps of m like cards: what was at x goes to 8 x mod (8 m - 1), and at the second time to 64 x, which for 64 rows of
 * any length is the transposition. */
LOOP FN(shuffle)(const REAL *restrict in, REAL *restrict out, size m)
{
    SIMD EACH(i, m) {
        out[8 * i] = in[i];
        out[8 * i + 1] = in[m + i];
        out[8 * i + 2] = in[2 * m + i];
        out[8 * i + 3] = in[3 * m + i];
        out[8 * i + 4] = in[4 * m + i];
        out[8 * i + 5] = in[5 * m + i];
        out[8 * i + 6] = in[6 * m + i];
        out[8 * i + 7] = in[7 * m + i];
    }
}

LOOP FN(unshuffle)(const REAL *restrict in, REAL *restrict out, size m)
{
    SIMD EACH(i, m) {
        out[i] = in[8 * i];
        out[m + i] = in[8 * i + 1];
        out[2 * m + i] = in[8 * i + 2];
        out[3 * m + i] = in[8 * i + 3];
        out[4 * m + i] = in[8 * i + 4];
        out[5 * m + i] = in[8 * i + 5];
        out[6 * m + i] = in[8 * i + 6];
        out[7 * m + i] = in[8 * i + 7];
    }
}

static inline void FN(copy_rows)(const REAL *restrict in, size k_in, REAL *restrict out, size k_out, size rows, size c)
{
    if (c == k_in && c == k_out) memcpy(out, in, (size_t)(rows * c) * sizeof(REAL));
    else EACH(r, rows) memcpy(out + r * k_out, in + r * k_in, (size_t)c * sizeof(REAL));
}

/* Columns first .. first + c of the strip's rows x (rows, k), into a tile: c columns of STRIP. */
static void FN(load)(FN(Strip) *s, const REAL *x, size first, size c, REAL *tile)
{
    const int whole = s->rows == STRIP && c == s->k;
    if (!whole) {
        FN(copy_rows)(x + first, s->k, tile, c, s->rows, c);
        memset(tile + s->rows * c, 0, (size_t)((STRIP - s->rows) * c) * sizeof(REAL));
    }
    FN(shuffle)(whole ? x : tile, s->spare, STRIP / 8 * c);
    FN(shuffle)(s->spare, tile, STRIP / 8 * c);
}

static void FN(store)(FN(Strip) *s, REAL *x, size first, size c)
{
    const int whole = s->rows == STRIP && c == s->k;
    FN(unshuffle)(s->tile, s->spare, STRIP / 8 * c);
    FN(unshuffle)(s->spare, whole ? x : s->tile, STRIP / 8 * c);
    if (!whole) FN(copy_rows)(s->tile, c, x + first, s->k, s->rows, c);
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
LOOP FN(find_largest)(const COLUMNS(tile), size c, size width, COLUMNS(largest))
{
    for (size j = 0; j < c; j += 4) {
        const REAL *z0 = tile + j * STRIP, *z1 = j + 1 < c ? z0 + STRIP : z0, *z2 = j + 2 < c ? z1 + STRIP : z1,
                   *z3 = j + 3 < c ? z2 + STRIP : z2;
        SIMD EACH(r, width)
            largest[r] = FN(larger)(FN(larger)(FN(larger)(z0[r], z1[r]), FN(larger)(z2[r], z3[r])), largest[r]);
    }
}

/* The tile becomes exp(z - largest), while the next strip's logits, and where the results will go, are fetched. */
LOOP FN(exp_tile)(const COLUMNS(largest), size c, size width, COLUMNS(tile), const REAL *next, const REAL *out)
{
    EACH(j, c) {
        REAL *restrict z = tile + j * STRIP;
        for (size i = 0; i < STRIP; i += 64 / sizeof(REAL)) {
            PREFETCH(next + j * STRIP + i);
            PREFETCH(out + j * STRIP + i);
        }
        SIMD EACH(r, width) z[r] = FN(exp_distance)(z[r], largest[r]);
    }
}

/* What a logit below the largest adds to others.  Those that equal it are counted, and one of them left out at the end. */
#define BELOW(e) ((e) == 1 ? 0 : (e))
#define EQUAL(e) ((REAL)((e) == 1 ? 1 : 0))

/* Four columns in one go again, added pairwise; the groups by a compensated sum (Kahan), whose error does not grow with k. */
LOOP FN(add_others)(const COLUMNS(tile), size c, size width, COLUMNS(others), COLUMNS(lost), COLUMNS(equal))
{
    static const REAL none[STRIP] = {0};
    for (size j = 0; j < c; j += 4) {
        const REAL *e0 = tile + j * STRIP, *e1 = j + 1 < c ? e0 + STRIP : none, *e2 = j + 2 < c ? e0 + 2 * STRIP : none,
                   *e3 = j + 3 < c ? e0 + 3 * STRIP : none;
        SIMD EACH(r, width) {
            const REAL term = ((BELOW(e0[r]) + BELOW(e1[r])) + (BELOW(e2[r]) + BELOW(e3[r]))) - lost[r];
            const REAL total = others[r] + term;
            lost[r] = (total - others[r]) - term;
            others[r] = total;
            equal[r] += (EQUAL(e0[r]) + EQUAL(e1[r])) + (EQUAL(e2[r]) + EQUAL(e3[r]));
        }
    }
}

/* The tile: logits. */
static void FN(begin)(FN(Strip) *s, const REAL *z, size rows, size k)
{
    s->z = z; s->rows = rows; s->k = k;
    s->width = (rows + 15) / 16 * 16;
    EACH(r, STRIP) s->largest[r] = -INFINITY;
    CHUNKS(first, c, k) {
        FN(load)(s, z, first, c, s->tile);
        FN(find_largest)(s->tile, c, s->width, s->largest);
    }
}

/* The tile: from logits to exp(z - largest).  `out` is where the strip's results will go. */
static void FN(sum_others)(FN(Strip) *s, const REAL *out)
{
    REAL lost[STRIP] = {0}, equal[STRIP] = {0};
    EACH(r, STRIP) s->others[r] = 0;
    CHUNKS(first, c, s->k) {
        if (s->k > TILE) FN(load)(s, s->z, first, c, s->tile);
        FN(exp_tile)(s->largest, c, s->width, s->tile, s->z + (s->k + first) * STRIP, out);
        FN(add_others)(s->tile, c, s->width, s->others, lost, equal);
    }
    EACH(r, STRIP) s->others[r] += equal[r] - 1;
}

/* The same for one of several chunks, once the sum is known. */
static inline void FN(exp_again)(FN(Strip) *s, size first, size c)
{
    if (s->k <= TILE) return;
    FN(load)(s, s->z, first, c, s->tile);
    FN(exp_tile)(s->largest, c, s->width, s->tile, s->z, s->z);
}

LOOP FN(log1p_rows)(const COLUMNS(others), COLUMNS(out)) { SIMD EACH(r, STRIP) out[r] = FN(log1p_nonnegative)(others[r]); }

LOOP FN(invert_rows)(const COLUMNS(others), COLUMNS(out)) { SIMD EACH(r, STRIP) out[r] = 1 / (1 + others[r]); }

/* ---- softmax and its logarithm ---- */

LOOP FN(proba_tile)(const COLUMNS(inverse), size c, size width, COLUMNS(e))
{
    EACH(j, c) SIMD EACH(r, width) e[j * STRIP + r] *= inverse[r];
}

/* Finite logits further apart than the largest number give -LARGEST, not -inf. */
LOOP FN(log_proba_tile)(const COLUMNS(largest), const COLUMNS(log_sum), size c, size width, COLUMNS(tile))
{
    EACH(j, c) SIMD EACH(r, width) {
        const REAL z = tile[j * STRIP + r], d = FN(distance)(z, largest[r]);
        const REAL bounded = ((d < -LARGEST) & (z >= -LARGEST) & (largest[r] <= LARGEST)) ? -LARGEST : d;
        tile[j * STRIP + r] = bounded - log_sum[r];
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
            FN(proba_tile)(inverse, c, s.width, s.tile);
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
            FN(log_proba_tile)(s.largest, log_sum, c, s.width, s.tile);
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
LOOP FN(add_linear_ids)(REAL miss, const COLUMNS(z), const COLUMNS(largest), size c, size width, COLUMNS(linear))
{
    EACH(j, c) SIMD EACH(r, width) linear[r] += FN(linear)(miss, z[j * STRIP + r], largest[r]);
}

LOOP FN(gradient_ids)(REAL hit, REAL miss, REAL total, const COLUMNS(id), size first, const COLUMNS(others), const COLUMNS(inverse),
                      size c, size width, COLUMNS(e))
{
    EACH(j, c) {
        const REAL column = (REAL)(first + j);
        SIMD EACH(r, width) {
            const REAL t = id[r] == column ? hit : miss;
            e[j * STRIP + r] = FN(slope)(t, total, e[j * STRIP + r], others[r], inverse[r]);
        }
    }
}

LOOP FN(add_linear)(const COLUMNS(t), const COLUMNS(z), const COLUMNS(largest), size c, size width, COLUMNS(linear), COLUMNS(total))
{
    EACH(j, c) SIMD EACH(r, width) {
        linear[r] += FN(linear)(t[j * STRIP + r], z[j * STRIP + r], largest[r]);
        total[r] += t[j * STRIP + r];
    }
}

LOOP FN(gradient)(const COLUMNS(t), const COLUMNS(total), const COLUMNS(others), const COLUMNS(inverse), size c, size width, COLUMNS(e))
{
    EACH(j, c) SIMD EACH(r, width)
        e[j * STRIP + r] = FN(slope)(t[j * STRIP + r], total[r], e[j * STRIP + r], others[r], inverse[r]);
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
                FN(add_linear)(targets, s.tile, s.largest, c, s.width, linear, total);
            } else FN(add_linear_ids)(miss, s.tile, s.largest, c, s.width, linear);
        }
        if (!matrix) EACH(r, s.rows) {
            id[r] = (REAL)t.ids[i + r];
            picked[r] = z[r * k + t.ids[i + r]];
        }
        FN(sum_others)(&s, gradient ? gradient : z);
        if (loss_) {
            FN(loss_rows)(matrix ? 0 : hit - miss, picked, s.largest, total, s.others, linear);
            memcpy((REAL *)loss_ + i, linear, (size_t)s.rows * sizeof(REAL));
        }
        if (!gradient) continue;
        FN(invert_rows)(s.others, inverse);
        CHUNKS(first, c, k) {
            FN(exp_again)(&s, first, c);
            if (matrix) {
                if (k > TILE) FN(load)(&s, matrix, first, c, targets);
                FN(gradient)(targets, total, s.others, inverse, c, s.width, s.tile);
            } else FN(gradient_ids)(hit, miss, sum, id, first, s.others, inverse, c, s.width, s.tile);
            FN(store)(&s, gradient, first, c);
        }
    }
}

#undef COLUMNS
#undef CHUNKS
#undef BELOW
#undef EQUAL

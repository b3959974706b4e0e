/* Every loop of the core, in one precision for one instruction set.  A template: see vecmath.h and simd.h.
 *
 * Each loop is its own function, not inlined, on restrict pointers: inlined into the training loop, gcc forgets that
 * the arrays do not overlap and the same code runs several times slower.
 */

#define LOOP static NOINLINE void
#define EACH(i, n) for (size i = 0; i < (n); ++i)
#define IN(name) const REAL *restrict name = name##_
#define OUT(name) REAL *restrict name = name##_

/* ---- one sigmoid an output ------------------------------------------------------------------------------------ */

LOOP FN(logistic)(const void *z_, void *out_, size n)
{
    IN(z); OUT(out);
    SIMD EACH(i, n) { REAL other; FN(logistic_pair)(z[i], &out[i], &other); }
}

/* log sigmoid(z) = min(z, 0) - log1p(exp(-|z|)) */
LOOP FN(log_logistic)(const void *z_, void *out_, size n)
{
    IN(z); OUT(out);
    SIMD EACH(i, n) out[i] = (z[i] < 0 ? z[i] : 0) - FN(log1p_nonnegative)(FN(exp_nonpositive)(-FABS(z[i])));
}

/* Binary cross-entropy of target t in [0, 1] against logit z:
 *     loss = t softplus(-z) + (1 - t) softplus(z)
 *          = log1p(exp(-|z|)) + |z| u,    u = the target's weight on the side that z denies (1 - t if z >= 0, else t).
 * Two terms that are never negative: nothing cancels, at any margin.  u = 0 drops the second even when |z| is inf. */
static inline REAL FN(logistic_loss_at)(REAL t, REAL z)
{
    const REAL margin = FABS(z);
    const REAL denied = z < 0 ? t : 1 - t;
    const REAL linear = denied == 0 ? 0 : margin * denied;
    return linear + FN(log1p_nonnegative)(FN(exp_nonpositive)(-margin));
}

/* d loss / d z = (1 - t) sigmoid(z) - t sigmoid(-z); for t = 0 or 1 a single term, so no cancellation. */
static inline REAL FN(logistic_gradient_at)(REAL t, REAL z)
{
    REAL p, q;
    FN(logistic_pair)(z, &p, &q);
    return (1 - t) * p - t * q;
}

LOOP FN(logistic_loss)(const void *t_, const void *z_, void *loss_, size n)
{
    IN(t); IN(z); OUT(loss);
    SIMD EACH(i, n) loss[i] = FN(logistic_loss_at)(t[i], z[i]);
}

LOOP FN(logistic_gradient)(const void *t_, const void *z_, void *gradient_, size n)
{
    IN(t); IN(z); OUT(gradient);
    SIMD EACH(i, n) gradient[i] = FN(logistic_gradient_at)(t[i], z[i]);
}

LOOP FN(logistic_loss_gradient)(const void *t_, const void *z_, void *loss_, void *gradient_, size n)
{
    IN(t); IN(z); OUT(loss); OUT(gradient);
    SIMD EACH(i, n) {
        const REAL ti = t[i], zi = z[i];
        loss[i] = FN(logistic_loss_at)(ti, zi);
        gradient[i] = FN(logistic_gradient_at)(ti, zi);
    }
}

/* ---- softmax: STRIP rows at a time, one column of the strip after another, so that rows lie along the vector -------- */

/* What the rows of a strip share: their largest logit, the column that holds it, and the sum of the others' exp(z - largest).
 * With S = 1 + others:  p_leader = 1 / S,  p_j = exp(z_j - largest) / S,  -log p_leader = log1p(others). */
#ifndef STRIP
#define STRIP 64
#define TILE 32  /* a strip of no more columns than this is kept transposed on the stack, so that each exp is taken once */
#endif

typedef struct { REAL largest[STRIP], leader[STRIP], others[STRIP]; } FN(Strip);

#define COLUMN(name) REAL *restrict name

LOOP FN(load_column)(const REAL *z, size k, size rows, COLUMN(column))
{
    if (rows == STRIP) { EACH(r, STRIP) column[r] = z[r * k]; }
    else { EACH(r, STRIP) column[r] = r < rows ? z[r * k] : 0; }
}

LOOP FN(store_column)(const COLUMN(column), size k, size rows, REAL *out)
{
    if (rows == STRIP) { EACH(r, STRIP) out[r * k] = column[r]; }
    else { EACH(r, rows) out[r * k] = column[r]; }
}

/* z - largest; a logit that equals the largest is at distance 0, infinities included. */
static inline REAL FN(distance)(REAL z, REAL largest) { return z == largest ? 0 : z - largest; }

/* exp(z - largest) with the rounding error of the subtraction put back: exp(d + e) = exp(d) (1 + e).  (TwoDiff, Knuth.)
 * Without it the relative error grows with the margin: 3e-14 at a margin of 500. */
static inline REAL FN(exp_distance)(REAL z, REAL largest)
{
    const REAL d = FN(distance)(z, largest);
    const REAL back = d - z;
    const REAL error = (z - (d - back)) - (largest + back);
    const REAL correction = ((d > EXP_FLOOR) & (d < 0)) ? 1 + error : 1;
    return FN(exp_nonpositive)(d) * correction;
}

LOOP FN(find_leader)(REAL j, const COLUMN(z), COLUMN(largest), COLUMN(leader))
{
    SIMD EACH(r, STRIP) {
        leader[r] = z[r] > largest[r] ? j : leader[r];
        largest[r] = z[r] > largest[r] ? z[r] : largest[r];
    }
}

/* Column z becomes exp(z - largest), and is added to others but for the leader's.  A compensated sum (TwoSum, Knuth): its
 * error does not grow with k. */
LOOP FN(add_others)(REAL j, COLUMN(z), const COLUMN(largest), const COLUMN(leader), COLUMN(others), COLUMN(lost))
{
    SIMD EACH(r, STRIP) {
        const REAL value = FN(exp_distance)(z[r], largest[r]);
        const REAL e = leader[r] == j ? 0 : value;
        const REAL total = others[r] + e;
        const REAL part = total - others[r];
        lost[r] += (others[r] - (total - part)) + (e - part);
        others[r] = total;
        z[r] = value;
    }
}

LOOP FN(exp_column)(const COLUMN(largest), COLUMN(z))
{
    SIMD EACH(r, STRIP) z[r] = FN(exp_distance)(z[r], largest[r]);
}

/* Column j of the strip's logits: from the tile, where they fit, else from memory into the tile's first column. */
static inline REAL *FN(column_of)(const REAL *z, size j, size k, size rows, REAL *tile)
{
    if (k <= TILE) return tile + j * STRIP;
    FN(load_column)(z + j, k, rows, tile);
    return tile;
}

/* The same column after sum_others: exp(z - largest). */
static inline REAL *FN(exp_of)(const REAL *z, size j, size k, size rows, FN(Strip) *strip, REAL *tile)
{
    REAL *column = FN(column_of)(z, j, k, rows, tile);
    if (k > TILE) FN(exp_column)(strip->largest, column);
    return column;
}

static void FN(find_leaders)(const REAL *z, size rows, size k, FN(Strip) *strip, REAL *tile)
{
    EACH(r, STRIP) { strip->largest[r] = -INFINITY; strip->leader[r] = 0; }
    EACH(j, k) {
        REAL *column = k <= TILE ? tile + j * STRIP : tile;
        FN(load_column)(z + j, k, rows, column);
        FN(find_leader)((REAL)j, column, strip->largest, strip->leader);
    }
}

static void FN(sum_others)(const REAL *z, size rows, size k, FN(Strip) *strip, REAL *tile)
{
    REAL lost[STRIP];
    EACH(r, STRIP) { strip->others[r] = 0; lost[r] = 0; }
    EACH(j, k) {
        REAL *column = FN(column_of)(z, j, k, rows, tile);
        FN(add_others)((REAL)j, column, strip->largest, strip->leader, strip->others, lost);
    }
    EACH(r, STRIP) strip->others[r] += lost[r];
}

LOOP FN(divide_column)(const COLUMN(others), COLUMN(e))
{
    SIMD EACH(r, STRIP) e[r] /= 1 + others[r];
}

/* Finite logits further apart than the largest number give -LARGEST, not -inf. */
LOOP FN(log_proba_column)(const COLUMN(largest), const COLUMN(log_sum), COLUMN(z))
{
    SIMD EACH(r, STRIP) {
        const REAL d = FN(distance)(z[r], largest[r]);
        const REAL bounded = ((d < -LARGEST) & (z[r] >= -LARGEST) & (largest[r] <= LARGEST)) ? -LARGEST : d;
        z[r] = bounded - log_sum[r];
    }
}

LOOP FN(log1p_column)(const COLUMN(others), COLUMN(out))
{
    SIMD EACH(r, STRIP) out[r] = FN(log1p_nonnegative)(others[r]);
}

LOOP FN(softmax)(const void *z_, void *out_, size n, size k)
{
    FN(Strip) strip;
    REAL tile[STRIP * TILE];
    for (size i = 0; i < n; i += STRIP) {
        const REAL *z = (const REAL *)z_ + i * k;
        const size rows = n - i < STRIP ? n - i : STRIP;
        FN(find_leaders)(z, rows, k, &strip, tile);
        FN(sum_others)(z, rows, k, &strip, tile);
        EACH(j, k) {
            REAL *column = FN(exp_of)(z, j, k, rows, &strip, tile);
            FN(divide_column)(strip.others, column);
            FN(store_column)(column, k, rows, (REAL *)out_ + i * k + j);
        }
    }
}

LOOP FN(log_softmax)(const void *z_, void *out_, size n, size k)
{
    FN(Strip) strip;
    REAL tile[STRIP * TILE], column[STRIP], log_sum[STRIP];
    for (size i = 0; i < n; i += STRIP) {
        const REAL *z = (const REAL *)z_ + i * k;
        const size rows = n - i < STRIP ? n - i : STRIP;
        FN(find_leaders)(z, rows, k, &strip, tile);
        FN(sum_others)(z, rows, k, &strip, tile);
        FN(log1p_column)(strip.others, log_sum);
        EACH(j, k) {
            FN(load_column)(z + j, k, rows, column);
            FN(log_proba_column)(strip.largest, log_sum, column);
            FN(store_column)(column, k, rows, (REAL *)out_ + i * k + j);
        }
    }
}

LOOP FN(target_column)(Targets t, size i, size j, size k, size rows, COLUMN(column))
{
    const REAL hit = (REAL)t.hit, miss = (REAL)t.miss;
    if (t.matrix) { FN(load_column)((const REAL *)t.matrix + i * k + j, k, rows, column); return; }
    if (rows == STRIP) { EACH(r, STRIP) column[r] = t.ids[i + r] == (int32_t)j ? hit : miss; }
    else { EACH(r, STRIP) column[r] = r < rows && t.ids[i + r] == (int32_t)j ? hit : miss; }
}

/* Cross-entropy of target rows t (total T, usually 1) against logits z:
 *     loss = sum_j t_j (largest - z_j) + T log1p(others)
 *     d loss / d z_j = T p_j - t_j = ((T - t_j) e_j - t_j (S - e_j)) / S,   e_j = exp(z_j - largest),
 * where S - e_j is `others` itself for the leader.  No term of the loss is negative, and for a one-hot target the gradient
 * is a single term: neither cancels.  A target of 0 drops its term even when the distance is inf. */
LOOP FN(add_linear)(const COLUMN(z), const COLUMN(t), const COLUMN(largest), COLUMN(linear), COLUMN(total))
{
    SIMD EACH(r, STRIP) {
        const REAL term = t[r] * FN(distance)(z[r], largest[r]);
        linear[r] -= t[r] == 0 ? 0 : term;
        total[r] += t[r];
    }
}

LOOP FN(loss_column)(const COLUMN(total), const COLUMN(log_sum), COLUMN(linear))
{
    SIMD EACH(r, STRIP) linear[r] += total[r] * log_sum[r];
}

LOOP FN(gradient_column)(REAL j, const COLUMN(t), const COLUMN(total), const FN(Strip) *strip, COLUMN(e))
{
    const REAL *restrict leader = strip->leader, *restrict others = strip->others;
    SIMD EACH(r, STRIP) {
        const REAL sum = 1 + others[r];
        const REAL rest = leader[r] == j ? others[r] : sum - e[r];
        e[r] = ((total[r] - t[r]) * e[r] - t[r] * rest) / sum;
    }
}

LOOP FN(cross_entropy)(Targets t, const void *z_, void *loss_, void *gradient_, size n, size k)
{
    FN(Strip) strip;
    REAL tile[STRIP * TILE], target[STRIP], loss[STRIP], total[STRIP], log_sum[STRIP];
    for (size i = 0; i < n; i += STRIP) {
        const REAL *z = (const REAL *)z_ + i * k;
        const size rows = n - i < STRIP ? n - i : STRIP;
        FN(find_leaders)(z, rows, k, &strip, tile);
        EACH(r, STRIP) { loss[r] = 0; total[r] = 0; }
        EACH(j, k) {
            FN(target_column)(t, i, j, k, rows, target);
            FN(add_linear)(FN(column_of)(z, j, k, rows, tile), target, strip.largest, loss, total);
        }
        FN(sum_others)(z, rows, k, &strip, tile);
        if (loss_) {
            FN(log1p_column)(strip.others, log_sum);
            FN(loss_column)(total, log_sum, loss);
            FN(store_column)(loss, 1, rows, (REAL *)loss_ + i);
        }
        if (!gradient_) continue;
        EACH(j, k) {
            REAL *column = FN(exp_of)(z, j, k, rows, &strip, tile);
            FN(target_column)(t, i, j, k, rows, target);
            FN(gradient_column)((REAL)j, target, total, &strip, column);
            FN(store_column)(column, k, rows, (REAL *)gradient_ + i * k + j);
        }
    }
}

/* ---- weights and sums ----------------------------------------------------------------------------------------- */

LOOP FN(scale_rows)(const void *w_, void *x_, size n, size k)
{
    IN(w); OUT(x);
    if (k == 1) { SIMD EACH(i, n) x[i] *= w[i]; }
    else EACH(i, n) { SIMD EACH(j, k) x[i * k + j] *= w[i]; }
}

LOOP FN(scale)(double factor_, void *x_, size n)
{
    OUT(x);
    const REAL factor = (REAL)factor_;
    SIMD EACH(i, n) x[i] *= factor;
}

LOOP FN(multiply)(const void *w_, void *x_, size n)
{
    IN(w); OUT(x);
    SIMD EACH(i, n) x[i] *= w[i];
}

LOOP FN(add)(const void *w_, void *x_, size n)
{
    IN(w); OUT(x);
    SIMD EACH(i, n) x[i] += w[i];
}

/* Sums are taken in double whatever the precision: a float32 sum over an epoch would lose the last digits. */
static NOINLINE double FN(sum)(const void *x_, size n)
{
    IN(x);
    double total = 0;
    SIMD_TOTAL EACH(i, n) total += x[i];
    return total;
}

static NOINLINE double FN(sum_squares)(const void *x_, size n)
{
    IN(x);
    double total = 0;
    SIMD_TOTAL EACH(i, n) total += (double)x[i] * x[i];
    return total;
}

/* ---- hidden layers -------------------------------------------------------------------------------------------- */

/* z becomes value(z) and slope, where wanted, derivative(z): the two stand side by side. */
#define ACTIVATION(name, prepare, value, derivative)                                                                 \
    LOOP FN(name)(void *z_, void *slope_, size n)                                                                    \
    {                                                                                                                \
        OUT(z); OUT(slope);                                                                                          \
        if (slope) { SIMD EACH(i, n) { const REAL x = z[i]; prepare; z[i] = value; slope[i] = derivative; } }        \
        else { SIMD EACH(i, n) { const REAL x = z[i]; prepare; z[i] = value; } }                                     \
    }

/* SELU: Klambauer et al. 2017; leaky slope 0.01: Maas et al. 2013; GELU is the exact x Phi(x), through the C library's erfc. */
#define SELU_SCALE (REAL)1.0507009873554805
#define SELU_ALPHA (REAL)1.6732632423543772

ACTIVATION(identity_activation, , x, 1)
ACTIVATION(logistic_activation, REAL p; REAL q; FN(logistic_pair)(x, &p, &q), p, p * q)
ACTIVATION(tanh_activation, const REAL y = FN(tanh)(x), y, 1 - y * y)
ACTIVATION(relu_activation, , x > 0 ? x : 0, x > 0 ? 1 : 0)
ACTIVATION(leaky_relu_activation, , x > 0 ? x : (REAL)0.01 * x, x > 0 ? 1 : (REAL)0.01)
ACTIVATION(gelu_activation, const REAL phi = (REAL)(0.5 * erfc(-0.70710678118654752 * x)), x * phi,
           phi + x * (REAL)0.3989422804014327 * FN(exp_nonpositive)((REAL)-0.5 * x * x))
ACTIVATION(silu_activation, REAL p; REAL q; FN(logistic_pair)(x, &p, &q), x * p, p + x * p * q)
ACTIVATION(selu_activation, const REAL m = FN(expm1_nonpositive)(x < 0 ? x : 0),
           SELU_SCALE * (x > 0 ? x : SELU_ALPHA * m), SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * (m + 1)))

/* Keep an element when the hash of (key, position) falls in the upper 1 - rate of its range; what is kept is divided by
 * 1 - rate.  A counter-based stream: no state, so it vectorises and a thread cannot disturb it.
 * Mixer: lowbias32 (Wellons). */
static inline REAL FN(keep)(uint32_t position, uint32_t low, uint32_t high, uint32_t threshold, REAL scale)
{
    uint32_t x = position * 0x9E3779B9U + low;
    x ^= x >> 16; x *= 0x7FEB352DU;
    x ^= (x >> 15) ^ high; x *= 0x846CA68BU;
    x ^= x >> 16;
    return x >= threshold ? scale : 0;
}

LOOP FN(dropout)(uint64_t key, double rate, size first, void *a_, void *slope_, size n)
{
    OUT(a); OUT(slope);
    const uint32_t threshold = (uint32_t)(rate * 4294967296.0), low = (uint32_t)key, high = (uint32_t)(key >> 32);
    const REAL scale = (REAL)(1 / (1 - rate));
    SIMD EACH(i, n) {
        const REAL keep = FN(keep)((uint32_t)(first + i), low, high, threshold, scale);
        a[i] *= keep;
        if (slope) slope[i] *= keep;
    }
}

/* ---- layers: products ----------------------------------------------------------------------------------------- */

#include "product.h"

/* ---- batches -------------------------------------------------------------------------------------------------- */

/* Bin b of a column rises from -1/2 to 1/2 while z crosses the bin, and is flat outside: sums of bins are piecewise linear. */
LOOP FN(append_bins)(const Encoding *encoding, const REAL *restrict z, REAL *restrict bins)
{
    const REAL *restrict low = encoding->low, *restrict slope = encoding->slope;
    const size m = encoding->n_binned;
    EACH(b, encoding->n_bins) {
        SIMD EACH(c, m) {
            const REAL rise = (z[c] - low[b * m + c]) * slope[b * m + c];
            const REAL capped = rise > 1 ? 1 : rise;
            bins[b * m + c] = (capped < 0 ? 0 : capped) - (REAL)0.5;
        }
    }
}

/* Beyond 1e18 a square overflows float, and a double beyond float's range has become inf: far is far. */
LOOP FN(cap_row)(REAL *restrict z, size d)
{
    const REAL cap = (REAL)1e18;
    SIMD EACH(j, d) {
        const REAL low = z[j] < -cap ? -cap : z[j];
        z[j] = low > cap ? cap : low;
    }
}

/* A smooth clip: the identity near 0, never beyond +-bound. */
LOOP FN(bound_row)(REAL bound, REAL *restrict z, size d)
{
    const REAL shrink = 1 / (bound * bound);
    SIMD EACH(j, d) z[j] = z[j] / SQRT(1 + z[j] * z[j] * shrink);
}

/* How many rows ahead a row is fetched: so many that it is there in time, and few enough for the nearest cache. */
static inline size FN(rows_ahead)(size bytes) { return bytes < 680 ? 12 : bytes < 8192 ? 8192 / bytes : 1; }

#define SOURCE float
#define AS(name) FN(name##_from_float)
#if REAL_IS_DOUBLE
#define WIDE double
#else
#define WIDE float
#endif
#include "rows.h"
#undef SOURCE
#undef AS
#undef WIDE
#define SOURCE double
#define AS(name) FN(name##_from_double)
#define WIDE double
#include "rows.h"
#undef SOURCE
#undef AS
#undef WIDE

LOOP FN(gather_values)(const void *values_, const intptr_t *rows, double factor, void *out_, size n)
{
    IN(values); OUT(out);
    EACH(i, n) out[i] = (REAL)(factor * (values ? (double)values[rows[i]] : 1.0));
}

LOOP FN(gather_labels)(const uint8_t *labels, const intptr_t *rows, double off, double on, void *out_, size n, size k)
{
    OUT(out);
    const REAL low = (REAL)off, high = (REAL)on, either[2] = {low, high}; /* looked up, not chosen: labels defy prediction */
    if (k == 1) { EACH(i, n) out[i] = either[labels[rows[i]] != 0]; return; }
    EACH(i, n) {
        const uint8_t *restrict row = labels + rows[i] * k;
        SIMD EACH(j, k) out[i * k + j] = row[j] ? high : low;
    }
}

/* off_on: k weights of absent labels, then k weights of present ones. */
LOOP FN(label_weights)(const uint8_t *labels, const intptr_t *rows, const void *off_on_, void *out_, size n, size k)
{
    IN(off_on); OUT(out);
    EACH(i, n) {
        const uint8_t *restrict row = labels + rows[i] * k;
        SIMD EACH(j, k) out[i * k + j] = row[j] ? off_on[k + j] : off_on[j];
    }
}

/* ---- optimiser steps ------------------------------------------------------------------------------------------ */

/* Kingma & Ba 2015; rule->learning_rate already holds the bias corrections.  shrink: decoupled decay (Loshchilov & Hutter 2019). */
LOOP FN(adam)(const StepRule *rule, const void *g_, void *m_, void *v_, void *p_, size n)
{
    IN(g); OUT(m); OUT(v); OUT(p);
    const REAL rate = (REAL)rule->learning_rate, l2 = (REAL)rule->l2, shrink = (REAL)rule->shrink;
    const REAL b1 = (REAL)rule->beta_1, c1 = (REAL)(1 - rule->beta_1);
    const REAL b2 = (REAL)rule->beta_2, c2 = (REAL)(1 - rule->beta_2), epsilon = (REAL)rule->epsilon;
    SIMD EACH(i, n) {
        const REAL gi = g[i] + l2 * p[i];
        m[i] = b1 * m[i] + c1 * gi;
        v[i] = b2 * v[i] + c2 * gi * gi;
        p[i] = shrink * p[i] - rate * m[i] / (SQRT(v[i]) + epsilon);
    }
}

LOOP FN(sgd)(const StepRule *rule, const void *g_, void *velocity_, void *p_, size n)
{
    IN(g); OUT(velocity); OUT(p);
    const REAL rate = (REAL)rule->learning_rate, l2 = (REAL)rule->l2, shrink = (REAL)rule->shrink;
    const REAL momentum = (REAL)rule->momentum;
    const REAL again = rule->nesterov ? momentum : 1, fresh = rule->nesterov ? rate : 0;
    SIMD EACH(i, n) {
        const REAL gi = g[i] + l2 * p[i];
        velocity[i] = momentum * velocity[i] - rate * gi;
        p[i] = shrink * p[i] + again * velocity[i] - fresh * gi;
    }
}

/* ---- the table ------------------------------------------------------------------------------------------------ */

static const Loops FN(loops) = {
    .logistic = FN(logistic), .log_logistic = FN(log_logistic), .logistic_loss = FN(logistic_loss),
    .logistic_gradient = FN(logistic_gradient), .logistic_loss_gradient = FN(logistic_loss_gradient),
    .softmax = FN(softmax), .log_softmax = FN(log_softmax), .cross_entropy = FN(cross_entropy),
    .scale_rows = FN(scale_rows), .multiply = FN(multiply), .add = FN(add), .sum = FN(sum), .sum_squares = FN(sum_squares),
    .activate = {
        [IDENTITY] = FN(identity_activation), [LOGISTIC] = FN(logistic_activation), [TANH] = FN(tanh_activation),
        [RELU] = FN(relu_activation), [LEAKY_RELU] = FN(leaky_relu_activation), [GELU] = FN(gelu_activation),
        [SILU] = FN(silu_activation), [SELU] = FN(selu_activation),
    },
    .layer_forward = FN(layer_forward), .layer_gradient = FN(layer_gradient), .column_sums = FN(column_sums),
    .transpose = FN(transpose), .product = FN(product),
    .dropout = FN(dropout), .scale = FN(scale),
    .gather = {FN(gather_from_float), FN(gather_from_double)},
    .sparse_product = {FN(sparse_product_from_float), FN(sparse_product_from_double)},
    .sparse_gradient = {FN(sparse_gradient_from_float), FN(sparse_gradient_from_double)},
    .gather_values = FN(gather_values), .gather_labels = FN(gather_labels), .label_weights = FN(label_weights),
    .adam = FN(adam), .sgd = FN(sgd),
};

#undef LOOP
#undef EACH
#undef IN
#undef OUT
#undef COLUMN
#undef ACTIVATION
#undef SELU_SCALE
#undef SELU_ALPHA

/* vecmath.h's constants, which the next precision defines anew */
#undef BITS
#undef MANTISSA
#undef BIAS
#undef SHIFTER
#undef TWO_MANTISSA
#undef SQRT_HALF_BITS
#undef EXP_FLOOR
#undef EXPM1_FLOOR
#undef LN2_HI
#undef LN2_LO
#undef LARGEST
#undef FABS
#undef SQRT

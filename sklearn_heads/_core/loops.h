/* Every loop of the core, in one precision for one instruction set.  A template: see vecmath.h and simd.h.
 *
 * Each loop is its own function, not inlined, on restrict pointers: inlined into the training loop, gcc forgets that
 * the arrays do not overlap and the same code runs several times slower.
 */

#define LOOP static NOINLINE void
#define EACH(i, n) for (size i = 0; i < (n); ++i)
#define IN(name) const REAL *restrict name = name##_
#define OUT(name) REAL *restrict name = name##_

/* ---- rows to columns ------------------------------------------------------------------------------------------ */

#if REAL_IS_DOUBLE
#define GROUP 8
#else
#define GROUP 16
#endif

/* GROUP heaps of m, each `apart` from the one before, interleaved like cards: what was a column of them lies in a row. */
LOOP FN(interleave)(const REAL *restrict in, size apart, size m, REAL *restrict out)
{
    SIMD EACH(i, m) { UNROLLED EACH(q, GROUP) out[GROUP * i + q] = in[q * apart + i]; }
}

/* x (n, k) becomes n columns of out, whose k rows are `row` long: GROUP rows of x, and so many columns of them that they stay in
 * the nearest cache, at a time. */
LOOP FN(transpose)(const void *x_, void *out_, size row, size n, size k)
{
    IN(x); OUT(out);
    REAL interleaved[GROUP * 64];
    size i = 0;
    for (; i + GROUP <= n; i += GROUP) for (size first = 0; first < k; first += 64) {
        const size columns = k - first < 64 ? k - first : 64;
        FN(interleave)(x + i * k + first, k, columns, interleaved);
        EACH(j, columns) memcpy(out + (first + j) * row + i, interleaved + GROUP * j, GROUP * sizeof(REAL));
    }
    for (; i < n; ++i) EACH(j, k) out[j * row + i] = x[i * k + j];
}

/* ---- one sigmoid per output ------------------------------------------------------------------------------------ */

LOOP FN(logistic)(const void *z_, void *out_, size n)
{
    IN(z); OUT(out);
    SIMD EACH(i, n) { REAL other; FN(logistic_pair)(z[i], &out[i], &other); }
}

/* log sigmoid(z) = min(z, 0) - log1p(exp(-|z|)) */
static inline REAL FN(log_logistic_at)(REAL z) { return (z < 0 ? z : 0) - FN(log1p_unit)(FN(exp_nonpositive)(-FABS(z))); }

LOOP FN(log_logistic)(const void *z_, void *out_, size n)
{
    IN(z); OUT(out);
    SIMD EACH(i, n) out[i] = FN(log_logistic_at)(z[i]);
}

/* Binary cross-entropy of target t in [0, 1] against logit z.  With e = exp(-|z|) and u the target's weight on the side that z
 * denies (1 - t if z >= 0, else t):
 *     loss         = t softplus(-z) + (1 - t) softplus(z) = |z| u + log1p(e)
 *     d loss / d z = (1 - t) sigmoid(z) - t sigmoid(-z)   = +-(u - (1 - u) e) / (1 + e),    the sign that of z.
 * The terms of the loss are never negative, and for t = 0 or 1 the gradient is a single term: nothing cancels, at any margin.
 * u = 0 drops |z| even when it is inf. */
static inline REAL FN(denied)(REAL t, REAL z) { return z < 0 ? t : 1 - t; }

static inline REAL FN(logistic_loss_at)(REAL t, REAL z, REAL e)
{
    const REAL u = FN(denied)(t, z), linear = u == 0 ? 0 : FABS(z) * u;
    return linear + FN(log1p_unit)(e);
}

static inline REAL FN(logistic_gradient_at)(REAL t, REAL z, REAL e)
{
    const REAL u = FN(denied)(t, z), slope = (u - (1 - u) * e) / (1 + e);
    return z < 0 ? -slope : slope;
}

LOOP FN(logistic_loss)(const void *t_, const void *z_, void *loss_, size n)
{
    IN(t); IN(z); OUT(loss);
    SIMD EACH(i, n) loss[i] = FN(logistic_loss_at)(t[i], z[i], FN(exp_nonpositive)(-FABS(z[i])));
}

LOOP FN(logistic_gradient)(const void *t_, const void *z_, void *gradient_, size n)
{
    IN(t); IN(z); OUT(gradient);
    SIMD EACH(i, n) gradient[i] = FN(logistic_gradient_at)(t[i], z[i], FN(exp_nonpositive)(-FABS(z[i])));
}

LOOP FN(logistic_loss_gradient)(const void *t_, const void *z_, void *loss_, void *gradient_, size n)
{
    IN(t); IN(z); OUT(loss); OUT(gradient);
    SIMD EACH(i, n) {
        const REAL ti = t[i], zi = z[i], e = FN(exp_nonpositive)(-FABS(zi));
        loss[i] = FN(logistic_loss_at)(ti, zi, e);
        gradient[i] = FN(logistic_gradient_at)(ti, zi, e);
    }
}

/* Log-odds of the mean of m probabilities sigmoid(z), from their z (m, n):
 *     log sum sigmoid(z) - log sum sigmoid(-z),   each sum by way of its largest term, that of the largest and of the least z.
 * So no probability underflows, and infinite z give the limit. */
LOOP FN(pool_log_odds)(const void *z_, void *out_, size m, size n)
{
    IN(z); OUT(out);
    REAL present[64], absent[64], most[64], least[64];
    for (size first = 0; first < n; first += 64) {
        const size c = n - first < 64 ? n - first : 64;
        SIMD EACH(r, c) { most[r] = least[r] = z[first + r]; present[r] = absent[r] = 0; }
        EACH(i, m) SIMD EACH(r, c) {
            const REAL x = z[i * n + first + r];
            most[r] = x > most[r] ? x : most[r];
            least[r] = x < least[r] ? x : least[r];
        }
        SIMD EACH(r, c) { most[r] = FN(log_logistic_at)(most[r]); least[r] = FN(log_logistic_at)(-least[r]); }
        EACH(i, m) SIMD EACH(r, c) {
            const REAL x = z[i * n + first + r], yes = FN(log_logistic_at)(x), no = FN(log_logistic_at)(-x);
            present[r] += FN(exp_nonpositive)(yes == most[r] ? 0 : yes - most[r]);
            absent[r] += FN(exp_nonpositive)(no == least[r] ? 0 : no - least[r]);
        }
        SIMD EACH(r, c)
            out[first + r] = (most[r] - least[r])
                             + (FN(log1p_nonnegative)(present[r] - 1) - FN(log1p_nonnegative)(absent[r] - 1));
    }
}

/* ---- competing classes ----------------------------------------------------------------------------------------- */

#include "softmax.h"

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

/* average moves towards w by a share of the way. */
LOOP FN(approach)(double share_, const void *w_, void *average_, size n)
{
    IN(w); OUT(average);
    const REAL share = (REAL)share_;
    SIMD EACH(i, n) average[i] += share * (w[i] - average[i]);
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

static NOINLINE int FN(in_unit_interval)(const void *x_, size n)
{
    IN(x);
    REAL total = 0; /* of those outside, NaN among them */
    SIMD_TOTAL EACH(i, n) total += ((x[i] >= 0) & (x[i] <= 1)) ? 0 : 1;
    return total == 0;
}

/* ---- hidden layers -------------------------------------------------------------------------------------------- */

#include "activations.h"

/* ---- layers: products ----------------------------------------------------------------------------------------- */

#include "product.h"

/* ---- batches -------------------------------------------------------------------------------------------------- */

/* out: the centred and scaled values z of a row, each bounded; and behind them their bins, unless they are wanted as cells.
 *
 * The bound is a smooth clip: the identity near 0, never beyond +-bound.  z is first cut off at +-1e18: there the clip has
 * reached its limit, while the square of a larger z would overflow float, and a double beyond float's range has become inf.
 * Bin b of a column rises from -1/2 to 1/2 while z crosses the bin, and is flat outside: sums of bins are piecewise linear.
 *
 * All in whole vectors: the elements that one part writes past its end are overwritten by the next part.  The remainders of short
 * rows, value by value, took longer than the rest. */
#define WHOLE_VECTORS(n) (((n) + OVERRUN - 1) & -(size)OVERRUN)

LOOP FN(encode_row)(const Encoding *encoding, const REAL *restrict z, int spread, REAL *restrict out)
{
    const REAL *restrict low = encoding->low, *restrict slope = encoding->slope;
    const REAL shrink = (REAL)(1 / (encoding->bound * encoding->bound)), cap = (REAL)1e18;
    SIMD EACH(j, WHOLE_VECTORS(encoding->n_columns)) {
        const REAL above = z[j] < -cap ? -cap : z[j], x = above > cap ? cap : above;
        out[j] = x / SQRT(1 + x * x * shrink);
    }
    out += encoding->n_columns;
    EACH(b, spread ? encoding->n_bins : 0) {
        const size m = encoding->binned[b];
        SIMD EACH(c, WHOLE_VECTORS(m)) {
            const REAL rise = (z[c] - low[c]) * slope[c];
            const REAL capped = rise > 1 ? 1 : rise;
            out[c] = (capped < 0 ? 0 : capped) - (REAL)0.5;
        }
        out += m, low += m, slope += m;
    }
}

#include "stairs.h"

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

#include "entries.h"

LOOP FN(gather_values)(const void *values_, const intptr_t *order, double factor, void *out_, size n)
{
    IN(values); OUT(out);
    EACH(i, n) out[i] = (REAL)(factor * (values ? (double)values[order[i]] : 1.0));
}

LOOP FN(gather_labels)(const uint8_t *labels, const intptr_t *order, double off, double on, void *out_, size n, size k)
{
    OUT(out);
    const REAL low = (REAL)off, high = (REAL)on, either[2] = {low, high}; /* a table: a branch on random labels is mispredicted */
    if (k == 1) { EACH(i, n) out[i] = either[labels[order[i]] != 0]; return; }
    EACH(i, n) {
        const uint8_t *restrict row = labels + order[i] * k;
        SIMD EACH(j, k) out[i * k + j] = row[j] ? high : low;
    }
}

/* The weight of each entry of the label matrix: 0 where the label is not known (2).
 * off_on: k weights of absent labels, then k weights of present ones; entries: a factor for each entry of all rows, or NULL. */
LOOP FN(label_weights)(
    const uint8_t *labels, const intptr_t *order, const void *off_on_, const void *entries_, void *out_, size n, size k)
{
    IN(off_on); IN(entries); OUT(out);
    EACH(i, n) {
        const uint8_t *restrict row = labels + order[i] * k;
        SIMD EACH(j, k) out[i * k + j] = row[j] > 1 ? 0 : row[j] ? off_on[k + j] : off_on[j];
        if (entries) SIMD EACH(j, k) out[i * k + j] *= entries[order[i] * k + j];
    }
}

/* ---- optimiser steps ------------------------------------------------------------------------------------------ */

/* Adam (Kingma & Ba 2015).  With M = m / (1 - beta_1^t) and V = v / (1 - beta_2^t), the moments without their bias,
 *     rate M / (sqrt(V) + e) = rate sqrt(1 - beta_2^t) / (1 - beta_1^t)  m / (sqrt(v) + e sqrt(1 - beta_2^t)),
 * so both corrections are factors of the rate, and rule->learning_rate holds them.  epsilon stands here for e sqrt(1 - beta_2^t):
 * the form at the end of their section 2, and MLPClassifier's.  shrink: decoupled decay (Loshchilov & Hutter 2019). */
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
    .logistic = FN(logistic), .log_logistic = FN(log_logistic), .pool_log_odds = FN(pool_log_odds),
    .logistic_loss = FN(logistic_loss), .logistic_gradient = FN(logistic_gradient),
    .logistic_loss_gradient = FN(logistic_loss_gradient),
    .softmax = FN(softmax), .log_softmax = FN(log_softmax), .cross_entropy = FN(cross_entropy),
    .scale_rows = FN(scale_rows), .multiply = FN(multiply), .add = FN(add), .sum = FN(sum), .sum_squares = FN(sum_squares),
    .in_unit_interval = FN(in_unit_interval),
    .activate = {
        [IDENTITY] = FN(identity_activation), [LOGISTIC] = FN(logistic_activation), [TANH] = FN(tanh_activation),
        [RELU] = FN(relu_activation), [LEAKY_RELU] = FN(leaky_relu_activation), [GELU] = FN(gelu_activation),
        [SILU] = FN(silu_activation), [SELU] = FN(selu_activation),
    },
    .scratch_values = FN(scratch_values), .layer_forward = FN(layer_forward), .layer_gradient = FN(layer_gradient),
    .column_sums = FN(column_sums), .transpose = FN(transpose), .product = FN(product),
    .climb = FN(climb), .add_stairs = FN(add_stairs), .stairs_gradient = FN(stairs_gradient),
    .dropout = FN(dropout), .scale = FN(scale), .approach = FN(approach),
    .gather = {FN(gather_from_float), FN(gather_from_double)},
    .sparse_entries = {FN(sparse_entries_from_float), FN(sparse_entries_from_double)},
    .category_entries = FN(category_entries), .base_sum = FN(base_sum), .add_entries = FN(add_entries),
    .entries_gradient = FN(entries_gradient), .base_gradient = FN(base_gradient),
    .gather_values = FN(gather_values), .gather_labels = FN(gather_labels), .label_weights = FN(label_weights),
    .adam = FN(adam), .sgd = FN(sgd), .adam_without_gradient = FN(adam_without_gradient),
};

#undef LOOP
#undef EACH
#undef IN
#undef OUT
#undef GROUP
#undef LANES
#undef UNROLL
#undef VECTOR
#undef VECTOR_IN
#undef WHOLE_VECTORS

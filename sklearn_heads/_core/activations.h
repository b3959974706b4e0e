/* Hidden units: activations with their derivatives, and dropout.
 *
 * A template inside loops.h.  A new activation needs a line here, one in loops.h's table, its place in table.h's list, and its
 * name in network.pyx.
 */

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
ACTIVATION(silu_activation, REAL p; REAL q; FN(logistic_pair)(x, &p, &q), x * p, p + x * p * q)
ACTIVATION(selu_activation, const REAL m = FN(expm1_nonpositive)(x < 0 ? x : 0),
           SELU_SCALE * (x > 0 ? x : SELU_ALPHA * m), SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * (m + 1)))

/* Not an ACTIVATION: erfc is a call, element by element, and clang warns where a loop cannot become SIMD. */
LOOP FN(gelu_activation)(void *z_, void *slope_, size n)
{
    OUT(z); OUT(slope);
    EACH(i, n) {
        const REAL x = z[i], phi = (REAL)(0.5 * erfc(-0.70710678118654752 * x));
        z[i] = x * phi;
        if (slope) slope[i] = phi + x * (REAL)0.3989422804014327 * FN(exp_nonpositive)((REAL)-0.5 * x * x);
    }
}

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

#undef ACTIVATION
#undef SELU_SCALE
#undef SELU_ALPHA

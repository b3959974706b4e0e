/* Branch-free exp, expm1, log1p, tanh and logistic pieces that a compiler can vectorise.
 *
 * A template: the includer defines REAL (float or double) and FN(name), and includes this file once for each
 * precision and each instruction set (see simd.h).  Every function is straight-line code: two-way choices are
 * selects, the power of two comes from integer bits, the polynomials are the plain Taylor series, cut where the
 * remainder is below a tenth of the rounding error.
 *
 * Their errors show in the public functions: benchmarks/bench_accuracy.py measures them against mpmath, in multiples of
 * the machine epsilon: sigmoid 1.4, log sigmoid 1.5, binary loss 1.9, its gradient 1.4, cross-entropy 1.4, its gradient 1.9.
 * tests/test_losses_accuracy.py holds them to 1e-15 at every margin and every instruction set.
 */

#if REAL_IS_DOUBLE
#define BITS uint64_t
#define MANTISSA 52
#define BIAS 1023
#define SHIFTER 0x1.8p52            /* adding and subtracting it rounds to an integer */
#define TWO_MANTISSA 0x1p52         /* its low bits, read as an integer, count from 0 */
#define SQRT_HALF_BITS 0x3FE6A09E667F3BCDULL
#define EXP_FLOOR -750.0            /* exp is 0 below -745.14 */
#define EXPM1_FLOOR -40.0           /* expm1 is -1 below -37.5 */
#define LN2_HI 0x1.62e42feep-1      /* 32 bits: k * LN2_HI is exact for every exponent k */
#define LN2_LO 0x1.a39ef35793c76p-33
#define LARGEST 0x1.fffffffffffffp1023
#define FABS fabs
#define SQRT sqrt
#else
#define BITS uint32_t
#define MANTISSA 23
#define BIAS 127
#define SHIFTER 0x1.8p23f
#define TWO_MANTISSA 0x1p23f
#define SQRT_HALF_BITS 0x3F3504F3U
#define EXP_FLOOR -110.0f           /* exp is 0 below -103.98 */
#define EXPM1_FLOOR -20.0f          /* expm1 is -1 below -17.4 */
#define LN2_HI 0x1.63p-1f
#define LN2_LO -0x1.bd0106p-13f
#define LARGEST 0x1.fffffep127f
#define FABS fabsf
#define SQRT sqrtf
#endif

static inline BITS FN(bits_of)(REAL x) { BITS u; memcpy(&u, &x, sizeof u); return u; }
static inline REAL FN(real_of)(BITS u) { REAL x; memcpy(&x, &u, sizeof x); return x; }

/* The integer nearest to x, |x| < 2^(MANTISSA - 1): the addition pushes the fraction out of the mantissa. */
static inline REAL FN(nearest)(REAL x) { return (x + SHIFTER) - SHIFTER; }

/* 2^k for an integer -BIAS < k <= BIAS: put k + BIAS into the low mantissa bits, shift it to the exponent. */
static inline REAL FN(pow2)(REAL k) { return FN(real_of)(FN(bits_of)(k + (SHIFTER + BIAS)) << MANTISSA); }

/* exp(r) - 1 for |r| <= ln(2) / 2, by the Taylor series r + r^2 (1/2! + r/3! + ...).
 * Remainder relative to exp: 0.347^14 / 14! = 4e-18 (double), 0.347^8 / 8! = 5e-9 (float). */
static inline REAL FN(expm1_reduced)(REAL r)
{
#if REAL_IS_DOUBLE
    REAL p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
#else
    REAL p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
#endif
    return r + r * r * p;
}

/* exp(x) for x <= 0: x = k ln 2 + r with k the nearest integer, exp(x) = 2^k exp(r).
 * ln 2 is held in two parts so that k * LN2_HI is exact; 2^k is applied in two halves so that results below
 * the normal range are rounded once, not lost.  NaN stays NaN: the floor is a comparison that NaN fails. */
static inline REAL FN(exp_nonpositive)(REAL x)
{
    x = x < EXP_FLOOR ? EXP_FLOOR : x;
    const REAL k = FN(nearest)(x * (REAL)1.4426950408889634);
    const REAL r = (x - k * LN2_HI) - k * LN2_LO;
    const REAL half = FN(nearest)(k * (REAL)0.5);
    return (1 + FN(expm1_reduced)(r)) * FN(pow2)(half) * FN(pow2)(k - half);
}

/* exp(x) - 1 for x <= 0, with small relative error near 0: 2^k (exp(r) - 1) + (2^k - 1). */
static inline REAL FN(expm1_nonpositive)(REAL x)
{
    x = x < EXPM1_FLOOR ? EXPM1_FLOOR : x;
    const REAL k = FN(nearest)(x * (REAL)1.4426950408889634);
    const REAL r = (x - k * LN2_HI) - k * LN2_LO;
    const REAL scale = FN(pow2)(k);
    return scale * FN(expm1_reduced)(r) + (scale - 1);
}

/* log(1 + t) for finite t >= 0.  Choose k so that c = (1 + t) / 2^k - 1 lies in [sqrt(1/2) - 1, sqrt(2) - 1]; then
 * log(1 + t) = k ln 2 + log(1 + c) and log(1 + c) = 2 atanh(s), s = c / (2 + c), |s| <= 0.172, by the Taylor series
 * s + s^3/3 + s^5/5 + ...  For k = 0, c is t itself: small t keep their relative accuracy.
 * Remainder: 0.172^20 / 21 = 2e-17 (double), 0.172^10 / 11 = 2e-9 (float). */
static inline REAL FN(log1p_nonnegative)(REAL t)
{
    const BITS above = (FN(bits_of)(1 + t) - SQRT_HALF_BITS) >> MANTISSA;
    const REAL k = FN(real_of)(above | FN(bits_of)(TWO_MANTISSA)) - TWO_MANTISSA;
    const REAL shrink = FN(pow2)(-k);
    const REAL c = t * shrink + (shrink - 1);
    const REAL s = c / (2 + c);
    const REAL q = s * s;
#if REAL_IS_DOUBLE
    REAL p = 1.0 / 19.0;
    p = p * q + 1.0 / 17.0;
    p = p * q + 1.0 / 15.0;
    p = p * q + 1.0 / 13.0;
    p = p * q + 1.0 / 11.0;
    p = p * q + 1.0 / 9.0;
    p = p * q + 1.0 / 7.0;
    p = p * q + 1.0 / 5.0;
    p = p * q + 1.0 / 3.0;
#else
    REAL p = 1.0f / 9.0f;
    p = p * q + 1.0f / 7.0f;
    p = p * q + 1.0f / 5.0f;
    p = p * q + 1.0f / 3.0f;
#endif
    return k * LN2_HI + (2 * s + (2 * s * q * p + k * LN2_LO));
}

/* tanh(x) = -m / (2 + m) for x >= 0, with m = exp(-2 x) - 1; odd. */
static inline REAL FN(tanh)(REAL x)
{
    const REAL m = FN(expm1_nonpositive)(-2 * FABS(x));
    const REAL magnitude = -m / (2 + m);
    return x < 0 ? -magnitude : magnitude;
}

/* The logistic function of z and of -z; both keep their relative accuracy: e / (1 + e) and 1 / (1 + e), e = exp(-|z|). */
static inline void FN(logistic_pair)(REAL z, REAL *at_z, REAL *at_minus_z)
{
    const REAL e = FN(exp_nonpositive)(-FABS(z));
    const REAL large = 1 / (1 + e);
    const REAL small = e * large;
    *at_z = z < 0 ? small : large;
    *at_minus_z = z < 0 ? large : small;
}

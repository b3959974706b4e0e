/* Branch-free exp, expm1, log1p, tanh and logistic pieces that a compiler can vectorise.
 *
 * A template: the includer defines REAL (float or double) and FN(name), and includes this file once for each
 * precision and each instruction set (see simd.h).  Every function is straight-line code: two-way choices are
 * selects, the power of two comes from integer bits, the polynomials are those of least largest error (Remez), with their
 * coefficients rounded below a tenth of the rounding error.
 *
 * Their errors show in the public functions: benchmarks/bench_accuracy.py measures them against mpmath, in multiples of
 * the machine epsilon: sigmoid 1.4, log sigmoid 1.7, binary loss 1.7, its gradient 1.3, cross-entropy 1.4, its gradient 1.6.
 * tests/test_losses_accuracy.py holds them to 1e-15 at every margin, test_instruction_sets.py on every instruction set.
 */

/* What the precision before has left. */
#undef BITS
#undef MANTISSA
#undef BIAS
#undef SHIFTER
#undef TWO_MANTISSA
#undef LIFT
#undef LOWER
#undef EXP_FLOOR
#undef EXPM1_FLOOR
#undef LN2_HI
#undef LN2_LO
#undef LARGEST
#undef FABS
#undef SQRT

#if REAL_IS_DOUBLE
#define BITS uint64_t
#define MANTISSA 52
#define BIAS 1023
#define SHIFTER 0x1.8p52            /* adding and subtracting it rounds to an integer */
#define TWO_MANTISSA 0x1p52         /* its low bits, read as an integer, count from 0 */
#define LIFT 128
#define LOWER 0x1p-128
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
#define LIFT 32
#define LOWER 0x1p-32f
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

/* exp(r) - 1 for |r| <= ln(2) / 2: r + r^2 q(r), where q is the polynomial whose largest error, once multiplied by r^2, is
 * least (Remez): 1e-17 (double), 4.5e-9 (float). */
static inline REAL FN(expm1_reduced)(REAL r)
{
#if REAL_IS_DOUBLE
    REAL q = 0x1.af85a18b03364p-26;
    q = q * r + 0x1.28b064942fc00p-22;
    q = q * r + 0x1.71dddfbb18064p-19;
    q = q * r + 0x1.a0199676c6f83p-16;
    q = q * r + 0x1.a01a01baea083p-13;
    q = q * r + 0x1.6c16c185b1b80p-10;
    q = q * r + 0x1.111111110d622p-7;
    q = q * r + 0x1.5555555550002p-5;
    q = q * r + 0x1.5555555555561p-3;
    q = q * r + 0x1.000000000000cp-1;
#else
    REAL q = 0x1.6db462p-10f;
    q = q * r + 0x1.123b7ep-7f;
    q = q * r + 0x1.55545ep-5f;
    q = q * r + 0x1.55548ep-3f;
    q = q * r + 0.5f;
#endif
    return r + r * r * q;
}

/* exp(x - slip) for x <= 0 and a slip of no more than x's rounding error: x = k ln 2 + r with k the nearest integer, and
 * exp(x - slip) = 2^k exp(r - slip).  ln 2 is held in two parts so that k * LN2_HI is exact.  The addition that rounds to k
 * leaves the exponent of 2^(k + LIFT) in the low bits; the power is brought down last, so that results below the normal range
 * are rounded once, not lost.  NaN stays NaN: the floor is a comparison that NaN fails. */
static inline REAL FN(exp_less)(REAL x, REAL slip)
{
    const REAL shifted = x * (REAL)1.4426950408889634 + (SHIFTER + (BIAS + LIFT));
    const REAL k = shifted - (SHIFTER + (BIAS + LIFT));
    const REAL r = ((x - k * LN2_HI) - k * LN2_LO) - slip;
    const REAL power = FN(real_of)(FN(bits_of)(shifted) << MANTISSA);
    return x < EXP_FLOOR ? 0 : (power + power * FN(expm1_reduced)(r)) * LOWER;
}

static inline REAL FN(exp_nonpositive)(REAL x) { return FN(exp_less)(x, 0); }

/* exp(x) - 1 for x <= 0, with small relative error near 0: 2^k (exp(r) - 1) + (2^k - 1). */
static inline REAL FN(expm1_nonpositive)(REAL x)
{
    x = x < EXPM1_FLOOR ? EXPM1_FLOOR : x;
    const REAL k = FN(nearest)(x * (REAL)1.4426950408889634);
    const REAL r = (x - k * LN2_HI) - k * LN2_LO;
    const REAL scale = FN(pow2)(k);
    return scale * FN(expm1_reduced)(r) + (scale - 1);
}

/* log((1 + s) / (1 - s)) = 2 atanh(s) for 0 <= s <= 1/3: 2 s + 2 s^3 q(s^2), q as above: error relative to 2 s 3.5e-18 (double),
 * 5e-9 (float). */
static inline REAL FN(log_ratio)(REAL s)
{
    const REAL x = s * s;
#if REAL_IS_DOUBLE
    REAL q = 0x1.5c8a5cb3d170ep-4;
    q = q * x + 0x1.559c49178f2c4p-5;
    q = q * x + 0x1.efdd84fb89d70p-5;
    q = q * x + 0x1.106768780398dp-4;
    q = q * x + 0x1.3b1de3271e1c0p-4;
    q = q * x + 0x1.745cb39b41dabp-4;
    q = q * x + 0x1.c71c741f8da1fp-4;
    q = q * x + 0x1.2492492085744p-3;
    q = q * x + 0x1.99999999a0840p-3;
    q = q * x + 0x1.5555555555535p-2;
#else
    REAL q = 0x1.1ef870p-3f;
    q = q * x + 0x1.1eb612p-3f;
    q = q * x + 0x1.99d27cp-3f;
    q = q * x + 0x1.555500p-2f;
#endif
    return 2 * s + 2 * s * x * q;
}

/* log(1 + t) for 0 <= t <= 1: small t keep their relative accuracy. */
static inline REAL FN(log1p_unit)(REAL t) { return FN(log_ratio)(t / (2 + t)); }

/* log(1 + t) for finite t >= 0 is k ln 2 + log(1 + c), where 2^k is the power of two below 1 + t and c = (1 + t) / 2^k - 1. */
static inline REAL FN(log1p_nonnegative)(REAL t)
{
    const BITS exponent = FN(bits_of)(1 + t) >> MANTISSA;
    const REAL k = FN(real_of)(exponent | FN(bits_of)(TWO_MANTISSA)) - (TWO_MANTISSA + BIAS);
    const REAL shrink = FN(pow2)(-k);
    const REAL c = t * shrink + (shrink - 1);
    return k * LN2_HI + (FN(log1p_unit)(c) + k * LN2_LO);
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

/* Compiles loops.h once for each precision and instruction set, and picks the best that the processor has.
 *
 * x86-64 with gcc or clang gets baseline (SSE2), AVX2 and AVX-512; everything else the compiler's default.  A compiler without
 * vector extensions leaves the products to SciPy's BLAS (blas.h).  The environment variable SKLEARN_HEADS_SIMD (blas, baseline,
 * avx2, avx512) lowers the choice, for tests and for tracking a difference down.
 * Levels agree to rounding, not to the bit: AVX2 and AVX-512 fuse multiply and add.
 */
#ifndef SKLEARN_HEADS_SIMD_H
#define SKLEARN_HEADS_SIMD_H
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "table.h"

/* Outside gcc and clang (clang-cl does not say __GNUC__) everything here is plain C11: slower, and as right. */
#if defined(__GNUC__) || defined(__clang__)
#define HAS_VECTORS
#define NOINLINE __attribute__((noinline))
#define SIMD _Pragma("omp simd")
#define SIMD_TOTAL _Pragma("omp simd reduction(+ : total)")
#define UNROLLED _Pragma("GCC unroll 16")
#else
#if defined(_MSC_VER)
#define NOINLINE __declspec(noinline)
#define restrict __restrict
#else
#define NOINLINE
#endif
#define SIMD
#define SIMD_TOTAL
#define UNROLLED
#endif

#define JOIN_(name, real, level) name##_##real##_##level
#define JOIN(name, real, level) JOIN_(name, real, level)
#define FN(name) JOIN(name, REAL, LEVEL)

/* Of each level: how long a vector is, and how many of them a product sums in: what the registers hold beside the factors. */
#define VECTOR_BYTES 16
#if defined(__aarch64__)
#define ACCUMULATORS 16
#else
#define ACCUMULATORS 12
#endif
#define LEVEL baseline
#include "precisions.h"
#undef LEVEL
#undef VECTOR_BYTES
#undef ACCUMULATORS

/* clang-cl lacks the library that tells what the processor has. */
#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_LEVELS

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define VECTOR_BYTES 32
#define ACCUMULATORS 12
#define LEVEL avx2
#include "precisions.h"
#undef LEVEL
#undef VECTOR_BYTES
#undef ACCUMULATORS
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl,prefer-vector-width=512")
#endif
#define VECTOR_BYTES 64
#define ACCUMULATORS 16
#define LEVEL avx512
#include "precisions.h"
#undef LEVEL
#undef VECTOR_BYTES
#undef ACCUMULATORS
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

static const Loops *float_loops = &loops_float_baseline, *double_loops = &loops_double_baseline;

#define REAL float
#define BASE loops_float_baseline
#define BLAS(name) blas_float_##name
#include "blas.h"
#undef REAL
#undef BASE
#undef BLAS
#define REAL double
#define BASE loops_double_baseline
#define BLAS(name) blas_double_##name
#include "blas.h"
#undef REAL
#undef BASE
#undef BLAS

/* At import, where the level is "blas": SciPy's sgemm and dgemm. */
static void begin_blas(void *sgemm, void *dgemm)
{
    blas_float_begin(sgemm);
    blas_double_begin(dgemm);
    float_loops = &blas_float_loops;
    double_loops = &blas_double_loops;
}

/* Called once, at import. Returns the name of the level in use. */
static const char *choose_simd_level(void)
{
    const char *wish = getenv("SKLEARN_HEADS_SIMD");
    const int lowered = wish && *wish;
    if (lowered && !strcmp(wish, "blas")) return "blas";
#ifndef HAS_VECTORS
    if (!lowered) return "blas";
#endif
#ifdef HAS_LEVELS
    if (lowered && !strcmp(wish, "baseline")) return "baseline";
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && !(lowered && !strcmp(wish, "avx2"))) {
        float_loops = &loops_float_avx512;
        double_loops = &loops_double_avx512;
        return "avx512";
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        float_loops = &loops_float_avx2;
        double_loops = &loops_double_avx2;
        return "avx2";
    }
#endif
    return "baseline";
}

#endif

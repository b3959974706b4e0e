/* Rows of the user's X on their way into a batch: gathered, converted to the working precision, centred and scaled, in one pass.
 *
 * A template inside loops.h: SOURCE is the type of X, REAL the working precision, WIDE the wider of the two, in which the
 * arithmetic is done, so that a float64 column with a large mean keeps its spread.
 */

LOOP AS(gather)(const void *X_, const intptr_t *rows, const void *mean_, const void *factor_, void *out_, size n, size d)
{
    const WIDE *restrict mean = mean_, *restrict factor = factor_;
    EACH(i, n) {
        const SOURCE *restrict x = (const SOURCE *)X_ + rows[i] * d;
        REAL *restrict out = (REAL *)out_ + i * d;
        if (mean) { SIMD EACH(j, d) out[j] = (REAL)(((WIDE)x[j] - mean[j]) * factor[j]); }
        else { SIMD EACH(j, d) out[j] = (REAL)x[j]; }
    }
}

/* out[i, :] = sum over the stored entries of row i of x factor[column] W[column, :].  Sparse rows are scaled, not centred:
 * centring would fill them.  The h units lie along the vector. */
LOOP AS(sparse_product)(const void *data_, const int32_t *indices, const int64_t *indptr, const intptr_t *rows,
                        const void *factor_, const void *W_, void *out_, size n, size h)
{
    const SOURCE *restrict data = data_;
    const WIDE *restrict factor = factor_;
    EACH(i, n) {
        REAL *restrict out = (REAL *)out_ + i * h;
        SIMD EACH(j, h) out[j] = 0;
        for (int64_t at = indptr[rows[i]]; at < indptr[rows[i] + 1]; ++at) {
            const int32_t column = indices[at];
            const REAL x = (REAL)(factor ? data[at] * factor[column] : data[at]);
            const REAL *restrict W = (const REAL *)W_ + (size)column * h;
            SIMD EACH(j, h) out[j] += x * W[j];
        }
    }
}

/* Its transpose, for the gradient: gW[column, :] += x factor[column] delta[i, :]. */
LOOP AS(sparse_gradient)(const void *data_, const int32_t *indices, const int64_t *indptr, const intptr_t *rows,
                         const void *factor_, const void *delta_, void *gW_, size n, size h)
{
    const SOURCE *restrict data = data_;
    const WIDE *restrict factor = factor_;
    EACH(i, n) {
        const REAL *restrict delta = (const REAL *)delta_ + i * h;
        for (int64_t at = indptr[rows[i]]; at < indptr[rows[i] + 1]; ++at) {
            const int32_t column = indices[at];
            const REAL x = (REAL)(factor ? data[at] * factor[column] : data[at]);
            REAL *restrict gW = (REAL *)gW_ + (size)column * h;
            SIMD EACH(j, h) gW[j] += x * delta[j];
        }
    }
}

/* Rows of the user's X on their way into a batch: gathered, converted to the working precision and encoded, in one pass.
 *
 * A template inside loops.h: SOURCE is the type of X, REAL the working precision, WIDE the wider of the two, in which columns
 * are centred, so that a float64 column with a large mean keeps its spread.
 */

LOOP AS(scale_row)(const SOURCE *restrict x, const Encoding *encoding, REAL *restrict z)
{
    const WIDE *restrict mean = encoding->mean, *restrict factor = encoding->factor;
    const int32_t *restrict columns = encoding->columns;
    const size d = encoding->n_columns;
    if (!mean) { SIMD EACH(j, d) z[j] = (REAL)x[j]; }
    else if (!columns) { SIMD EACH(j, d) z[j] = (REAL)(((WIDE)x[j] - mean[j]) * factor[j]); }
    else { SIMD EACH(j, d) z[j] = (REAL)(((WIDE)x[columns[j]] - mean[j]) * factor[j]); }
}

/* The values z of a row are scaled into the rows that come after it in the batch, and encoded from there into its own place.
 * That is safe, in a batch with room for OVERRUN rows and 2 OVERRUN elements more (batch.pyx):
 *   - Row i takes width elements from i * width on; encode_row works in whole vectors, so it may write OVERRUN - 1 elements past
 *     them, and z begins OVERRUN past them: nothing is overwritten before it is read.
 *   - z, in whole vectors, has fewer than width + OVERRUN elements.  That of the last row ends before
 *     n * width + OVERRUN + (width + OVERRUN) <= (n + OVERRUN) * width + 2 * OVERRUN, the end of the array.
 *   - What it covers belongs to later rows, and each of those is encoded after it: rows are gathered in order, by one thread. */
LOOP AS(gather)(const void *X_, const intptr_t *order, const Encoding *encoding, void *out_, size n)
{
    const size width = encoding->n_columns + encoding->n_added, d = encoding->n_features;
    const size ahead = FN(rows_ahead)(d * (size)sizeof(SOURCE));
    EACH(i, n) {
        REAL *out = (REAL *)out_ + i * width;
        if (i + ahead < n) { /* shuffled rows: the processor's own prefetcher cannot tell which comes next */
            const SOURCE *next = (const SOURCE *)X_ + order[i + ahead] * d;
            for (size j = 0; j < d; j += 64 / (size)sizeof(SOURCE)) PREFETCH(next + j);
        }
        REAL *z = encoding->bound > 0 ? out + width + OVERRUN : out; /* see above */
        AS(scale_row)((const SOURCE *)X_ + order[i] * d, encoding, z);
        if (encoding->bound > 0) FN(encode_row)(encoding, z, out);
    }
}

/* out[i, :] = b + sum over the stored entries of row i of x factor[column] W[column, :].  Sparse rows are scaled, not centred:
 * centring would fill them.  The h units lie along the vector. */
LOOP AS(sparse_product)(const void *data_, const int32_t *indices, const int64_t *indptr, const intptr_t *order,
                        const void *factor_, const void *W_, const void *b_, void *out_, size n, size h)
{
    const SOURCE *restrict data = data_;
    const WIDE *restrict factor = factor_;
    IN(b);
    EACH(i, n) {
        REAL *restrict out = (REAL *)out_ + i * h;
        SIMD EACH(j, h) out[j] = b[j];
        for (int64_t at = indptr[order[i]]; at < indptr[order[i] + 1]; ++at) {
            const int32_t column = indices[at];
            const REAL x = (REAL)(factor ? data[at] * factor[column] : data[at]);
            const REAL *restrict W = (const REAL *)W_ + (size)column * h;
            SIMD EACH(j, h) out[j] += x * W[j];
        }
    }
}

/* Its transpose, for the gradient: gW[column, :] += x factor[column] delta[i, :], gb += delta[i, :]. */
LOOP AS(sparse_gradient)(const void *data_, const int32_t *indices, const int64_t *indptr, const intptr_t *order,
                         const void *factor_, const void *delta_, void *gW_, void *gb_, size n, size h)
{
    const SOURCE *restrict data = data_;
    const WIDE *restrict factor = factor_;
    OUT(gb);
    EACH(i, n) {
        const REAL *restrict delta = (const REAL *)delta_ + i * h;
        SIMD EACH(j, h) gb[j] += delta[j];
        for (int64_t at = indptr[order[i]]; at < indptr[order[i] + 1]; ++at) {
            const int32_t column = indices[at];
            const REAL x = (REAL)(factor ? data[at] * factor[column] : data[at]);
            REAL *restrict gW = (REAL *)gW_ + (size)column * h;
            SIMD EACH(j, h) gW[j] += x * delta[j];
        }
    }
}

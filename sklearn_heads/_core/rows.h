/* Rows of the user's X on their way into a batch: gathered, converted to the working precision and encoded, in one pass.
 *
 * A template inside loops.h: SOURCE is the type of X, REAL the working precision, WIDE the wider of the two, in which columns
 * are centred, so that a float64 column with a large mean keeps its spread.
 */

LOOP AS(scale_row)(const SOURCE *restrict x, const Encoding *encoding, REAL *restrict z)
{
    const WIDE *restrict mean = encoding->mean, *restrict factor = encoding->factor, *restrict fill = encoding->fill;
    const int32_t *restrict columns = encoding->columns;
    const size d = encoding->n_columns;
    if (!mean) {
        if (!fill) { SIMD EACH(j, d) z[j] = (REAL)x[j]; }
        else { SIMD EACH(j, d) z[j] = (REAL)(x[j] == x[j] ? (WIDE)x[j] : fill[j]); }
        return;
    }
    if (!columns) { SIMD EACH(j, d) z[j] = (REAL)(((WIDE)x[j] - mean[j]) * factor[j]); }
    else { SIMD EACH(j, d) z[j] = (REAL)(((WIDE)x[columns[j]] - mean[j]) * factor[j]); }
    SIMD EACH(j, d) z[j] = z[j] == z[j] ? z[j] : 0; /* a gap is the mean */
}

/* The values z of a row are scaled into the rows that come after it in the batch, and encoded from there into its own place.
 * That is safe, in a batch with room for OVERRUN rows and 2 OVERRUN elements more (batch.pyx):
 *   - Row i takes width elements from i * width on; encode_row works in whole vectors, so it may write OVERRUN - 1 elements past
 *     them, and z begins OVERRUN past them: nothing is overwritten before it is read.
 *   - z, in whole vectors, has fewer than width + OVERRUN elements.  That of the last row ends before
 *     n * width + OVERRUN + (width + OVERRUN) <= (n + OVERRUN) * width + 2 * OVERRUN, the end of the array.
 *   - What it covers belongs to later rows, and each of those is encoded after it: rows are gathered in order, by one thread. */
LOOP AS(gather)(const void *X_, const intptr_t *order, const Encoding *encoding, void *out_, int32_t *cell, void *ramp_, size n)
{
    const size width = WIDTH(encoding) - (cell ? encoding->n_added : 0), d = encoding->n_features;
    const size binned = cell ? WHOLE_VECTORS(encoding->binned[0]) : 0;
    const REAL *absent = encoding->gap_values, *present = absent + encoding->n_gaps;
    const size ahead = FN(rows_ahead)(d * (size)sizeof(SOURCE));
    EACH(i, n) {
        REAL *out = (REAL *)out_ + i * width;
        if (i + ahead < n) { /* shuffled rows: the processor's own prefetcher cannot tell which comes next */
            const SOURCE *next = (const SOURCE *)X_ + order[i + ahead] * d;
            for (size j = 0; j < d; j += 64 / (size)sizeof(SOURCE)) PREFETCH(next + j);
        }
        REAL *z = encoding->bound > 0 ? out + width + OVERRUN : out; /* see above */
        const SOURCE *x = (const SOURCE *)X_ + order[i] * d;
        AS(scale_row)(x, encoding, z);
        if (cell) FN(cells_of_row)(encoding, z, cell + i * binned, (REAL *)ramp_ + i * binned);
        if (encoding->bound > 0) FN(encode_row)(encoding, z, !cell, out);
        out += width - encoding->n_gaps;
        EACH(g, encoding->n_gaps) out[g] = x[encoding->gaps[g]] == x[encoding->gaps[g]] ? absent[g] : present[g];
    }
}

/* Entries (entries.h) of sparse rows: of each stored value, at its column's place and at those of its bins, what it encodes to
 * less what a zero does. */
static void AS(sparse_entries)(const void *data_, const int32_t *indices, const int64_t *indptr, const intptr_t *order,
                               const Encoding *encoding, const void *zero_, size *start, int32_t *input, void *value_, size n)
{
    const SOURCE *data = data_;
    const WIDE *mean = encoding->mean, *factor = encoding->factor;
    const REAL *zero = zero_, *low = encoding->low, *slope = encoding->slope;
    const REAL cap = (REAL)1e18, shrink = encoding->bound > 0 ? (REAL)(1 / (encoding->bound * encoding->bound)) : 0;
    OUT(value);
    size at = 0;
    EACH(i, n) {
        start[i] = at;
        for (int64_t nth = indptr[order[i]]; nth < indptr[order[i] + 1]; ++nth) {
            const int32_t place = encoding->place[indices[nth]];
            if (place < 0) continue;
            const REAL z = (REAL)(mean ? ((WIDE)data[nth] - mean[place]) * factor[place] : data[nth]);
            const REAL above = z < -cap ? -cap : z, x = above > cap ? cap : above;
            input[at] = place;
            value[at++] = (encoding->bound > 0 ? x / SQRT(1 + x * x * shrink) : z) - zero[place];
            size bin = place;
            for (size b = 0; b < encoding->n_bins && place < encoding->binned[b]; bin += encoding->binned[b++]) {
                const REAL rise = (z - low[bin]) * slope[bin];
                const REAL capped = rise > 1 ? 1 : rise;
                input[at] = (int32_t)(encoding->n_columns + bin);
                value[at] = (capped < 0 ? 0 : capped) - (REAL)0.5 - zero[input[at]];
                ++at;
            }
        }
    }
    start[n] = at;
}

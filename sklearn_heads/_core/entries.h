/* Entries: inputs of a row that the batch does not spread out, each a row of the first layer's weights and the value that
 * multiplies it.  Categories are entries, and so is what a sparse X stores.
 *
 * An input with the encoded value f(x) that is f(0) in most rows contributes f(0) W to all of them, and (f(x) - f(0)) W to the
 * others:
 *
 *     sum over all inputs j of f(x_j) W_j  =  sum over all j of f(0_j) W_j  +  sum over the entries of (f(x_j) - f(0_j)) W_j
 *
 * The first sum is the same for all rows, the base: it joins the bias, once per step.  So does its gradient:
 *
 *     gW_j  =  f(0_j) gb  +  sum over the rows with the entry of (f(x_j) - f(0_j)) delta
 *
 * A template inside loops.h.
 */

/* Categories: of each row the look-ups (order.., n_columns), -1 for none, whose values are f(present) - f(absent). */
static void FN(category_entries)(const int32_t *codes, const intptr_t *order, size n_columns, const void *values_, size first,
                                 size *start, int32_t *input, void *value_, size n)
{
    IN(values); OUT(value);
    size at = 0;
    EACH(i, n) {
        const int32_t *row = codes + order[i] * n_columns;
        start[i] = at;
        EACH(c, n_columns) {
            if (row[c] < 0) continue;
            input[at] = (int32_t)first + row[c];
            value[at++] = values[row[c]];
        }
    }
    start[n] = at;
}

/* out = b + the base: sum over some inputs of f(0) W.  The h units lie along the vector. */
LOOP FN(base_sum)(const int32_t *input, const void *base_, size n_base, const void *W_, const void *b_, void *out_, size h)
{
    IN(base); IN(b); OUT(out);
    SIMD EACH(j, h) out[j] = b[j];
    EACH(s, n_base) {
        const REAL x = base[s], *restrict W = (const REAL *)W_ + (size)input[s] * h;
        SIMD EACH(j, h) out[j] += x * W[j];
    }
}

/* out[i, :] += sum over the entries of row i of value W[input, :] */
LOOP FN(add_entries)(const size *start, const int32_t *input, const void *value_, const void *W_, void *out_, size n, size h)
{
    IN(value);
    EACH(i, n) {
        REAL *restrict out = (REAL *)out_ + i * h;
        for (size at = start[i]; at < start[i + 1]; ++at) {
            const REAL x = value[at], *restrict W = (const REAL *)W_ + (size)input[at] * h;
            SIMD EACH(j, h) out[j] += x * W[j];
        }
    }
}

/* Its transpose, for the gradient: g[slot of the input, :] += value delta[i, :]; slot NULL is the input itself. */
LOOP FN(entries_gradient)(const size *start, const int32_t *input, const void *value_, const int32_t *slot, const void *delta_,
                          void *g_, size n, size h)
{
    IN(value);
    EACH(i, n) {
        const REAL *restrict delta = (const REAL *)delta_ + i * h;
        for (size at = start[i]; at < start[i + 1]; ++at) {
            const REAL x = value[at];
            REAL *restrict g = (REAL *)g_ + (size)(slot ? slot[input[at]] : input[at]) * h;
            SIMD EACH(j, h) g[j] += x * delta[j];
        }
    }
}

/* g[slot of the input, :] += f(0) gb for the inputs of the base */
LOOP FN(base_gradient)(const int32_t *input, const void *base_, size n_base, const int32_t *slot, const void *gb_, void *g_,
                       size h)
{
    IN(base); IN(gb);
    EACH(s, n_base) {
        const REAL x = base[s];
        REAL *restrict g = (REAL *)g_ + (size)(slot ? slot[input[s]] : input[s]) * h;
        SIMD EACH(j, h) g[j] += x * gb[j];
    }
}

/* Adam's steps of weights p whose gradient was zero, all at once: see lazy.pyx. */
LOOP FN(adam_without_gradient)(double decay_m, double decay_v, double shrink_, double moved, double epsilon_, void *m_, void *v_,
                               void *p_, size n)
{
    OUT(m); OUT(v); OUT(p);
    const REAL b1 = (REAL)decay_m, b2 = (REAL)decay_v, shrink = (REAL)shrink_, rate = (REAL)moved, epsilon = (REAL)epsilon_;
    SIMD EACH(i, n) {
        p[i] = shrink * p[i] - rate * m[i] / (SQRT(v[i]) + epsilon);
        m[i] *= b1;
        v[i] *= b2;
    }
}

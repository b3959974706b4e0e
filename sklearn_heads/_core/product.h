/* The three matrix products of a dense layer, for the shapes of a batch: hundreds of rows, layers from 1 to some thousand wide.
 *
 *     z = b + x W                      x (n, d), W (d, h)      forward
 *     gW = x' delta, gb = 1' delta     delta (n, h)            gradient of the weights and biases
 *     upstream = delta W'                                      gradient of the inputs
 *
 * A template inside loops.h.  One kind of tile does them all: some rows of one or two vectors are summed in registers while k is
 * walked through; a row of B is read as it lies, an element of A is broadcast, and both stay in the cache because a batch is
 * small.  So nothing is packed, which is what a general BLAS spends its time on at these sizes (benchmarks/bench_kernels.py).
 *
 * Reading may overrun A by up to OVERRUN rows and B and `start` by up to OVERRUN elements; what is read there is not used.  The
 * arrays of a Batch and the parameters of a Network have room for it.
 */

#ifdef HAS_VECTORS
typedef REAL FN(Vector) __attribute__((vector_size(VECTOR_BYTES), aligned(__alignof__(REAL)), may_alias));
#define LANES ((size)(VECTOR_BYTES / sizeof(REAL)))
#define UNROLL _Pragma("GCC unroll 16")
typedef BITS FN(Mask) __attribute__((vector_size(VECTOR_BYTES)));
/* x where gate > 0, else 0 */
static inline FN(Vector) FN(gated)(FN(Vector) gate, FN(Vector) x) { return (FN(Vector))((FN(Mask))x & (FN(Mask))(gate > 0)); }
#else
typedef REAL FN(Vector);
static inline REAL FN(gated)(REAL gate, REAL x) { return gate > 0 ? x : 0; }
#define LANES ((size)1)
#define UNROLL
#endif
#define VECTOR(pointer) (*(FN(Vector) *)(pointer))
#define VECTOR_IN(pointer) (*(const FN(Vector) *)(pointer))

/* M rows of N vectors of C, of which `rows` are wanted, and which start at `start`, if not NULL.
 *
 * last: the column of the last vector.  Where the tile reaches past column n of C, its last vector is moved left until it ends
 * with the row: it overlaps its neighbour, and both compute the same there.  A row shorter than a vector (n < LANES) cannot be
 * met so; it is stored past its end, into the next row, which is stored after it.
 *
 * whole: rows that may be stored in whole vectors.  A vector at row r takes LANES elements from r n on, and the tile's rows end
 * at rows * n: so r n + LANES <= rows n, or r <= (rows n - LANES) / n.  The rest are copied element by element. */
#define GATED(sum, at) (!gate ? sum : gate == C ? FN(gated)(sum, sum) : FN(gated)(VECTOR_IN(gate + (at)), sum))
#define PRODUCT(name, M, N)                                                                                          \
    LOOP FN(name)(const REAL *restrict start, const REAL *restrict A, size row, size step, const REAL *restrict B,   \
                  size ldb, const REAL *gate, REAL *C, size rows, size whole, size n, size k, size last)             \
    {                                                                                                                \
        FN(Vector) sums[M][N];                                                                                       \
        UNROLL EACH(v, N) {                                                                                          \
            const FN(Vector) zero = {0}, first = start ? VECTOR_IN(start + (v == N - 1 ? last : v * LANES)) : zero;  \
            UNROLL EACH(r, M) sums[r][v] = first;                                                                    \
        }                                                                                                            \
        EACH(q, k) {                                                                                                 \
            FN(Vector) b[N];                                                                                         \
            UNROLL EACH(v, N) b[v] = VECTOR_IN(B + (v == N - 1 ? last : v * LANES));                                 \
            UNROLL EACH(r, M) { const REAL a = A[r * row]; UNROLL EACH(v, N) sums[r][v] += a * b[v]; }               \
            A += step;                                                                                               \
            B += ldb;                                                                                                \
        }                                                                                                            \
        UNROLL EACH(r, M) {                                                                                          \
            if (r < whole) {                                                                                         \
                UNROLL EACH(v, N) {                                                                                  \
                    const size at = r * n + (v == N - 1 ? last : v * LANES);                                         \
                    VECTOR(C + at) = GATED(sums[r][v], at);                                                          \
                }                                                                                                    \
            } else if (r < rows) {                                                                                   \
                const FN(Vector) short_row = GATED(sums[r][0], r * n);                                               \
                memcpy(C + r * n, &short_row, (size_t)n * sizeof(REAL));                                             \
            }                                                                                                        \
        }                                                                                                            \
    }

PRODUCT(tile_1, ACCUMULATORS, 1)
PRODUCT(tile_2, ACCUMULATORS / 2, 2)
PRODUCT(half_tile_1, ACCUMULATORS / 2, 1)
PRODUCT(half_tile_2, ACCUMULATORS / 4, 2)
PRODUCT(row_1, 1, 1)
PRODUCT(row_4, 1, 4)

typedef void (*FN(Tile))(const REAL *restrict, const REAL *restrict, size, size, const REAL *restrict, size, const REAL *, REAL *,
                         size, size, size, size, size);

/* C (m, n) = start + A B over k, where A's element (i, q) is at A[i * row + q * step] and B's rows are ldb apart.  Where the
 * gate, an array like C, is not positive, C is 0.  C itself as the gate gives a ReLU of the sums; its output, the way back; NULL
 * is none. */
LOOP FN(product)(const void *start_, const void *A_, size row, size step, const void *B_, size ldb, const void *gate_, void *C_,
                 size m, size n, size k)
{
    const REAL *start = start_, *A = A_, *B = B_, *gate = gate_;
    REAL *C = C_;
    const size most = (m == 1 ? (n >= 4 * LANES ? 4 : 1) : 2) * LANES;
    /* From the right, so that the stores which overlap come first: what they left amid a vector would hold up a load. */
    for (size at = (n - 1) / most * most; at >= 0; at -= most) {
        const size wide = m > 1 && n - at <= LANES ? 1 : most / LANES;
        const size column = wide == 4 && n - at < most ? n - most : at; /* some columns twice, with the same result */
        const size tall = m == 1 ? 1 : ACCUMULATORS / wide, end = column + wide * LANES;
        const size last = n < LANES ? 0 : (end < n ? end : n) - LANES - column; /* see PRODUCT */
        const FN(Tile) tile = m == 1 ? (wide == 4 ? FN(row_4) : FN(row_1)) : wide == 2 ? FN(tile_2) : FN(tile_1);
        for (size i = 0; i < m;) {
            const size rows = m - i < tall ? m - i : tall;
            const size whole = n >= LANES ? rows : rows * n < LANES ? 0 : (rows * n - LANES) / n + 1;
            const int half = m > 1 && 2 * rows <= tall; /* so few rows left that half of a tile's would be computed in vain */
            (half ? wide == 2 ? FN(half_tile_2) : FN(half_tile_1) : tile)(
                start ? start + column : start, A + i * row, row, step, B + column, ldb, gate ? gate + i * n + column : gate,
                C + i * n + column, rows, whole, n, k, last);
            i += half ? tall / 2 : tall;
        }
    }
}

/* The sum of a vector's elements, part upon part: left to itself, gcc adds them one after another. */
static inline REAL FN(sum_of_lanes)(FN(Vector) v)
{
#ifdef HAS_VECTORS
    typedef REAL Part __attribute__((vector_size(16)));
    Part parts[VECTOR_BYTES / 16];
    memcpy(parts, &v, sizeof v);
    UNROLL for (size half = VECTOR_BYTES / 32; half > 0; half /= 2) { UNROLL EACH(p, half) parts[p] += parts[p + half]; }
#if REAL_IS_DOUBLE
    return parts[0][0] + parts[0][1];
#else
    return (parts[0][0] + parts[0][1]) + (parts[0][2] + parts[0][3]);
#endif
#else
    return v;
#endif
}

static const REAL FN(ones_then_zeros)[2 * OVERRUN] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* C[i, j] = start[j] + A[i, :] . B[j, :], for so few rows of B that a vector along j would be mostly empty. */
LOOP FN(dots)(const REAL *restrict start, const REAL *restrict A, const REAL *restrict B, REAL *restrict C, size m, size n,
              size k)
{
    for (size i = 0; i < m; i += 4) EACH(j, n) {
        const REAL *restrict a = A + i * k, *restrict b = B + j * k;
        FN(Vector) sums[4];
        size q = 0;
        memset(sums, 0, sizeof sums);
        for (; q + LANES <= k; q += LANES) { UNROLL EACH(r, 4) sums[r] += VECTOR_IN(a + r * k + q) * VECTOR_IN(b + q); }
        if (q < k) {
            const FN(Vector) wanted = VECTOR_IN(FN(ones_then_zeros) + OVERRUN - (k - q));
            UNROLL EACH(r, 4) sums[r] += FN(gated)(wanted, VECTOR_IN(a + r * k + q) * VECTOR_IN(b + q));
        }
        UNROLL EACH(r, 4) if (i + r < m) C[(i + r) * n + j] = start[j] + FN(sum_of_lanes)(sums[r]);
    }
}

#define FEW 4

/* Elements of scratch for the passes of a layer (table.h): the transposed weights, or their transposed gradient, where the
 * functions below transpose, and what whole vectors read past them. */
static size FN(scratch_values)(size d, size h, int passes)
{
    const int forward = (passes & SCRATCH_FORWARD) && 1 < h && h <= FEW;
    const int gradient = (passes & SCRATCH_GRADIENT) && 1 < h && h < OVERRUN;
    return forward || gradient || (passes & SCRATCH_UPSTREAM) ? d * h + OVERRUN : 0;
}

static void FN(layer_forward)(const void *x, const void *W, const void *b, void *scratch, int relu, void *z, size n, size d,
                              size h)
{
    const void *gate = relu ? z : NULL;
    if (h <= FEW) {
        if (h > 1) FN(transpose)(W, scratch, d, d, h);
        FN(dots)(b, x, h > 1 ? scratch : W, z, n, h, d);
        if (relu) FN(relu_activation)(z, NULL, n * h);
    } else FN(product)(b, x, d, 1, W, h, gate, z, n, h, d);
}

/* gW (d, h) = x' delta, of d inputs among the `row` of x.  For few outputs the transposed one, delta' x, so that the inputs lie
 * along the vector. */
static void FN(layer_gradient)(const void *x, size row, const void *delta, void *scratch, void *gW, size n, size d, size h)
{
    if (h < OVERRUN) {
        FN(product)(NULL, delta, 1, h, x, row, NULL, h > 1 ? scratch : gW, h, d, n);
        if (h > 1) FN(transpose)(scratch, gW, h, h, d);
    } else FN(product)(NULL, x, 1, row, delta, h, NULL, gW, d, h, n);
}

static void FN(column_sums)(const void *delta, void *gb, size n, size h)
{
    const REAL one = 1;
    FN(product)(NULL, &one, 0, 0, delta, h, NULL, gb, 1, h, n);
}

#undef PRODUCT
#undef GATED
#undef FEW

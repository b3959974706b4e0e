/* The products of a layer by a BLAS, for compilers without vector extensions, whose loops over scalars are several times slower.
 *
 * A template inside simd.h: REAL is float or double, BLAS(name) names what is here, and BASE is the table whose other loops stay as
 * they are.  A BLAS counts along columns: what lies here as C (m, n), row by row, is C' (n, m) for it, and C = A B is C' = B' A'.
 */
typedef void (*BLAS(Gemm))(const char *, const char *, const int *, const int *, const int *, const REAL *, const REAL *,
                           const int *, const REAL *, const int *, const REAL *, REAL *, const int *);
static BLAS(Gemm) BLAS(gemm);
static Loops BLAS(loops);

/* C' (n, m) = op(B) (n, k) op(A) (k, m), plus what C holds if `add`. */
static void BLAS(multiply)(const char *op_B, const char *op_A, size n, size m, size k, const REAL *B, size ldb, const REAL *A,
                           size lda, int add, REAL *C)
{
    const REAL one = 1, beta = (REAL)add;
    const int n_ = (int)n, m_ = (int)m, k_ = (int)k, ldb_ = (int)ldb, lda_ = (int)lda;
    BLAS(gemm)(op_B, op_A, &n_, &m_, &k_, &one, B, &ldb_, A, &lda_, &beta, C, &n_);
}

static void BLAS(product)(const void *start, const void *A, size row, size step, const void *B, size ldb, const void *gate_,
                          void *C_, size m, size n, size k)
{
    const REAL *gate = gate_;
    REAL *C = C_;
    if (step != 1) { BASE.product(start, A, row, step, B, ldb, gate, C, m, n, k); return; }
    if (start) for (size i = 0; i < m; ++i) memcpy(C + i * n, start, (size_t)n * sizeof(REAL));
    BLAS(multiply)("N", "N", n, m, k, B, ldb, A, row, start != NULL, C);
    if (gate) for (size i = 0; i < m * n; ++i) C[i] = gate[i] > 0 ? C[i] : 0;
}

static void BLAS(layer_forward)(const void *x, const void *W, const void *b, void *scratch, int relu, void *z, size n, size d,
                                size h)
{
    (void)scratch;
    BLAS(product)(b, x, d, 1, W, h, relu ? z : NULL, z, n, h, d);
}

static void BLAS(layer_gradient)(const void *x, size row, const void *delta, void *scratch, void *gW, size n, size d, size h)
{
    (void)scratch;
    BLAS(multiply)("N", "T", h, d, n, delta, h, x, row, 0, gW);
}

static void BLAS(begin)(void *gemm)
{
    BLAS(gemm) = (BLAS(Gemm))gemm;
    BLAS(loops) = BASE;
    BLAS(loops).product = BLAS(product);
    BLAS(loops).layer_forward = BLAS(layer_forward);
    BLAS(loops).layer_gradient = BLAS(layer_gradient);
}

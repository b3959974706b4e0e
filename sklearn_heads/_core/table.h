/* The loops of the core as one table per precision.  simd.h fills a table for each instruction set and picks one at import;
 * kernels.pyx hands the pointer on.
 *
 * Arrays are C-contiguous and come as void*: each table knows its precision (real: float or double).  One letter per axis:
 * n rows, k outputs, h units, d features; `order` numbers the rows of X that a batch takes.  Order of arguments: inputs, then
 * [in, out], then [out], then sizes.
 */
#ifndef SKLEARN_HEADS_TABLE_H
#define SKLEARN_HEADS_TABLE_H
#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t size;

#if defined(__GNUC__) || defined(__clang__)
#define PREFETCH(pointer) __builtin_prefetch(pointer)
#else
#define PREFETCH(pointer) ((void)(pointer))
#endif

/* Elements past its end, and rows past its last, that a product may read of an array (product.h). */
#define OVERRUN 16

/* What a layer's scratch is for: z = b + x W; gW = x' delta; W transposed, for delta W'. */
enum { SCRATCH_FORWARD = 1, SCRATCH_GRADIENT = 2, SCRATCH_UPSTREAM = 4 };

enum { IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, GELU, SILU, SELU, N_ACTIVATIONS };

/* One-of-k targets: class ids (n,) with the value of the hit and of every other column, or a matrix (n, k). */
typedef struct {
    const int32_t *ids;
    double hit, miss;
    const void *matrix;
} Targets;

/* What happens to a row of X: pick columns, centre and scale, bound, append piecewise-linear bins, then indicators of gaps (NaN).
 * Absent parts are NULL or 0.  Arrays along the picked columns are in the wider of X's type and real, those of the bins, bin by
 * bin, in real, with padding for OVERRUN more.  Columns may differ in how many bins they have: those of most come first, so that
 * the b-th bins belong to the first binned[b] columns.  Bins go with a bound. */
typedef struct {
    size n_features;            /* columns of X */
    size n_columns;             /* of them picked */
    const int32_t *columns;     /* which; NULL for all */
    const void *mean, *factor;  /* z = (x - mean) * factor; NULL for z = x */
    double bound;               /* z / sqrt(1 + (z / bound)^2); 0 for z itself */
    size n_bins, n_added;       /* most bins of a column; bins of all columns together */
    const int32_t *binned;      /* (n_bins,), not rising: how many of the picked columns, the first, have a b-th bin */
    const void *low, *slope;    /* bin value = clip((z - low) * slope, 0, 1) - 1/2 */
    const void *fill;           /* what a gap counts as where mean is NULL; else it is z = 0 */
    size n_gaps;                /* columns of X with an indicator of gaps */
    const int32_t *gaps;        /* which */
    const void *gap_values;     /* (2, n_gaps) of real: its value without a gap, and with one */
    const int32_t *place;       /* of sparse X: where each column is among the picked; -1 for none */
} Encoding;

/* Encoded values of a dense row. */
#define WIDTH(encoding) ((encoding)->n_columns + (encoding)->n_added + (encoding)->n_gaps)

/* Adam and SGD read what they need.  l2 multiplies the parameter into its gradient; shrink multiplies the parameter. */
typedef struct {
    double learning_rate, l2, shrink;
    double beta_1, beta_2, epsilon;
    double momentum;
    int nesterov;
} StepRule;

typedef struct {
    /* elementwise */
    void (*logistic)(const void *z, void *out, size n);
    void (*log_logistic)(const void *z, void *out, size n);
    void (*pool_log_odds)(const void *z, void *out, size m, size n);
    void (*logistic_loss)(const void *t, const void *z, void *loss, size n);
    void (*logistic_gradient)(const void *t, const void *z, void *gradient, size n);
    void (*logistic_loss_gradient)(const void *t, const void *z, void *loss, void *gradient, size n);
    /* row by row; loss (n,) and gradient (n, k) of the cross-entropy may be NULL */
    void (*softmax)(const void *z, void *out, size n, size k);
    void (*log_softmax)(const void *z, void *out, size n, size k);
    void (*cross_entropy)(Targets t, const void *z, void *loss, void *gradient, size n, size k);
    /* x[i, :] *= w[i]; element by element x *= w, x += w */
    void (*scale_rows)(const void *w, void *x, size n, size k);
    void (*multiply)(const void *w, void *x, size n);
    void (*add)(const void *w, void *x, size n);
    double (*sum)(const void *x, size n);
    double (*sum_squares)(const void *x, size n);
    int (*in_unit_interval)(const void *x, size n);
    /* layers; scratch has room for scratch_values, asked for with all passes that the layer takes part in */
    size (*scratch_values)(size d, size h, int passes);
    void (*layer_forward)(const void *x, const void *W, const void *b, void *scratch, int relu, void *z, size n, size d, size h);
    void (*layer_gradient)(const void *x, size row, const void *delta, void *scratch, void *gW, size n, size d, size h);
    void (*column_sums)(const void *delta, void *gb, size n, size h);
    void (*transpose)(const void *x, void *out, size row, size n, size k);
    void (*product)(const void *start, const void *A, size row, size step, const void *B, size ldb, const void *gate, void *C,
                    size m, size n, size k);
    /* z becomes its activation; slope (or NULL) the derivative */
    void (*activate[N_ACTIVATIONS])(void *z, void *slope, size n);
    void (*dropout)(uint64_t key, double rate, size first, void *a, void *slope, size n); /* n elements from `first` on */
    void (*scale)(double factor, void *x, size n);
    void (*approach)(double share, const void *w, void *average, size n);
    /* rows: X (of float or double) to the batch; bins spread out, or as cells and ramps where these are not NULL */
    void (*gather[2])(const void *X, const intptr_t *order, const Encoding *encoding, void *out, int32_t *cell, void *ramp, size n);
    /* bins as stairs (stairs.h): their table, UNITS units at a time; what they add to z; the gradient of their weights */
    void (*climb)(const Encoding *encoding, const void *W, void *stairs, size first, size h);
    void (*add_stairs)(const Encoding *encoding, const int32_t *cell, const void *ramp, const void *x, const void *W,
                       const void *stairs, int relu, void *z, size n, size h);
    void (*stairs_gradient)(const Encoding *encoding, const int32_t *cell, const void *ramp, const void *delta, void *scratch,
                            void *g, size first, size columns, size n, size h);
    /* entries of rows, from start[i] to start[i + 1] (entries.h) */
    void (*sparse_entries[2])(const void *data, const int32_t *indices, const int64_t *indptr, const intptr_t *order,
                              const Encoding *encoding, const void *zero, size *start, int32_t *input, void *value, size n);
    void (*category_entries)(const int32_t *codes, const intptr_t *order, size n_columns, const void *values, size first,
                             size *start, int32_t *input, void *value, size n);
    void (*base_sum)(const int32_t *input, const void *base, size n_base, const void *W, const void *b, void *out, size h);
    void (*add_entries)(const size *start, const int32_t *input, const void *value, const void *W, void *out, size n, size h);
    void (*entries_gradient)(const size *start, const int32_t *input, const void *value, const int32_t *slot, const void *delta,
                             void *g, size n, size h);
    void (*base_gradient)(const int32_t *input, const void *base, size n_base, const int32_t *slot, const void *gb, void *g,
                          size h);
    void (*gather_values)(const void *values, const intptr_t *order, double factor, void *out, size n);
    void (*gather_labels)(const uint8_t *labels, const intptr_t *order, double off, double on, void *out, size n, size k);
    void (*label_weights)(const uint8_t *labels, const intptr_t *order, const void *off_on, const void *entries,
                          void *out, size n, size k);
    /* one optimiser step over n parameters */
    void (*adam)(const StepRule *rule, const void *g, void *m, void *v, void *p, size n);
    void (*sgd)(const StepRule *rule, const void *g, void *velocity, void *p, size n);
    void (*adam_without_gradient)(double decay_m, double decay_v, double shrink, double moved, double epsilon, void *m, void *v,
                                  void *p, size n);
} Loops;

#endif

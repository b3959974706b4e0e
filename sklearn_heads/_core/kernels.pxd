"""The table of compiled loops, for the modules of the core."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t


cdef extern from "table.h" nogil:
    ctypedef struct Targets:
        const int32_t* ids
        double hit, miss
        const void* matrix

    ctypedef struct Encoding:
        Py_ssize_t n_features, n_columns
        const int32_t* columns
        const void* mean
        const void* factor
        double bound
        Py_ssize_t n_bins, n_added
        const int32_t* binned
        const void* low
        const void* slope
        const void* fill
        Py_ssize_t n_gaps
        const int32_t* gaps
        const void* gap_values
        const int32_t* place

    ctypedef struct StepRule:
        double learning_rate, l2, shrink
        double beta_1, beta_2, epsilon
        double momentum
        int nesterov

    enum:
        OVERRUN
        SCRATCH_FORWARD
        SCRATCH_GRADIENT
        SCRATCH_UPSTREAM

    ctypedef struct Loops:
        void logistic(const void* z, void* out, Py_ssize_t n) noexcept nogil
        void log_logistic(const void* z, void* out, Py_ssize_t n) noexcept nogil
        void pool_log_odds(const void* z, void* out, Py_ssize_t m, Py_ssize_t n) noexcept nogil
        void logistic_loss(const void* t, const void* z, void* loss, Py_ssize_t n) noexcept nogil
        void logistic_gradient(const void* t, const void* z, void* gradient, Py_ssize_t n) noexcept nogil
        void logistic_loss_gradient(const void* t, const void* z, void* loss, void* gradient, Py_ssize_t n) noexcept nogil
        void softmax(const void* z, void* out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void log_softmax(const void* z, void* out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void cross_entropy(Targets t, const void* z, void* loss, void* gradient, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void scale_rows(const void* w, void* x, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void multiply(const void* w, void* x, Py_ssize_t n) noexcept nogil
        void add(const void* w, void* x, Py_ssize_t n) noexcept nogil
        double sum(const void* x, Py_ssize_t n) noexcept nogil
        double sum_squares(const void* x, Py_ssize_t n) noexcept nogil
        bint in_unit_interval(const void* x, Py_ssize_t n) noexcept nogil
        Py_ssize_t scratch_values(Py_ssize_t d, Py_ssize_t h, int passes) noexcept nogil
        void layer_forward(const void* x, const void* W, const void* b, void* scratch, bint relu, void* z, Py_ssize_t n,
                           Py_ssize_t d, Py_ssize_t h) noexcept nogil
        void layer_gradient(const void* x, Py_ssize_t row, const void* delta, void* scratch, void* gW, Py_ssize_t n,
                            Py_ssize_t d, Py_ssize_t h) noexcept nogil
        void column_sums(const void* delta, void* gb, Py_ssize_t n, Py_ssize_t h) noexcept nogil
        void transpose(const void* x, void* out, Py_ssize_t row, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void product(const void* start, const void* A, Py_ssize_t row, Py_ssize_t step, const void* B, Py_ssize_t ldb,
                     const void* gate, void* C, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void (**activate)(void* z, void* slope, Py_ssize_t n) noexcept nogil
        void dropout(uint64_t key, double rate, Py_ssize_t first, void* a, void* slope, Py_ssize_t n) noexcept nogil
        void scale(double factor, void* x, Py_ssize_t n) noexcept nogil
        void approach(double share, const void* w, void* average, Py_ssize_t n) noexcept nogil
        void (**gather)(const void* X, const Py_ssize_t* order, const Encoding* encoding, void* out, int32_t* cell, void* ramp,
                        Py_ssize_t n) noexcept nogil
        void climb(const Encoding* encoding, const void* W, void* stairs, Py_ssize_t first, Py_ssize_t h) noexcept nogil
        void add_stairs(const Encoding* encoding, const int32_t* cell, const void* ramp, const void* x, const void* W,
                        const void* stairs, bint relu, void* z, Py_ssize_t n, Py_ssize_t h) noexcept nogil
        void stairs_gradient(const Encoding* encoding, const int32_t* cell, const void* ramp, const void* delta, void* scratch,
                             void* g, Py_ssize_t first, Py_ssize_t columns, Py_ssize_t n, Py_ssize_t h) noexcept nogil
        void (**sparse_entries)(const void* data, const int32_t* indices, const int64_t* indptr, const Py_ssize_t* order,
                                const Encoding* encoding, const void* zero, Py_ssize_t* start, int32_t* input, void* value,
                                Py_ssize_t n) noexcept nogil
        void category_entries(const int32_t* codes, const Py_ssize_t* order, Py_ssize_t n_columns, const void* values,
                              Py_ssize_t first, Py_ssize_t* start, int32_t* input, void* value, Py_ssize_t n) noexcept nogil
        void base_sum(const int32_t* input, const void* base, Py_ssize_t n_base, const void* W, const void* b, void* out,
                      Py_ssize_t h) noexcept nogil
        void add_entries(const Py_ssize_t* start, const int32_t* input, const void* value, const void* W, void* out,
                         Py_ssize_t n, Py_ssize_t h) noexcept nogil
        void entries_gradient(const Py_ssize_t* start, const int32_t* input, const void* value, const int32_t* slot,
                              const void* delta, void* g, Py_ssize_t n, Py_ssize_t h) noexcept nogil
        void base_gradient(const int32_t* input, const void* base, Py_ssize_t n_base, const int32_t* slot, const void* gb,
                           void* g, Py_ssize_t h) noexcept nogil
        void gather_values(const void* values, const Py_ssize_t* order, double factor, void* out, Py_ssize_t n) noexcept nogil
        void gather_labels(const uint8_t* labels, const Py_ssize_t* order, double off, double on, void* out,
                           Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void label_weights(const uint8_t* labels, const Py_ssize_t* order, const void* off_on, const void* entries,
                           void* out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
        void adam(const StepRule* rule, const void* g, void* m, void* v, void* p, Py_ssize_t n) noexcept nogil
        void sgd(const StepRule* rule, const void* g, void* velocity, void* p, Py_ssize_t n) noexcept nogil
        void adam_without_gradient(double decay_m, double decay_v, double shrink, double moved, double epsilon, void* m, void* v,
                                   void* p, Py_ssize_t n) noexcept nogil


cdef const Loops* loops_of(bint is_double) noexcept nogil

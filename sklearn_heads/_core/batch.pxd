"""Some rows on their way through a network; see batch.pyx."""
from libc.stdint cimport int32_t, uint64_t

from sklearn_heads._core.entries cimport Entries
from sklearn_heads._core.rows cimport Rows

# Weights of a strip: their gradient, the parameters and Adam's moments fit into the second-level cache together.
cdef enum:
    STRIP_WEIGHTS = 16384


cdef inline Py_ssize_t strip(Py_ssize_t fan_in, Py_ssize_t units) noexcept nogil:
    """Inputs of a layer whose weights' gradient is computed, and put to use, at a time: whole tiles of them (product.h)."""
    return min(fan_in, max(1, STRIP_WEIGHTS // units // 16) * 16)


# Layers are computed this many rows at a time, so that what follows a product finds them in the nearest cache. A part of a batch
# that threads share has so many rows.
cdef enum:
    NEAR = 48


cdef extern from "team.h" nogil:
    """
    enum { HELPERS = TEAM_HELPERS };
    """
    int HELPERS  # whether a team can have any
    ctypedef struct Team:
        int over
    int team_begin(Team* team)
    void team_end(Team* team)
    int team_take(Team* team)
    void team_finish(Team* team)
    void team_offer(Team* team, int parts)
    void team_wait(Team* team)
    int team_await(Team* team)
    void team_dismiss(Team* team)


# Columns whose bins' gradient is computed at a time (stairs.h).
cdef enum:
    GROUP = 4


# What is done to a batch in parts: steps are summed up; its rows go forward; W of a layer is transposed; its deltas go backward;
# its gradient is used.
cdef enum:
    CLIMB, FORWARD, TRANSPOSE, BACKWARD, GRADIENT


cdef struct Pass:
    int kind
    Py_ssize_t nth      # layer
    double dropout
    uint64_t key        # of dropout
    char* total         # where gradients are added up; NULL for a step of the optimizer


cdef class Batch:
    cdef Rows rows
    cdef Entries entries          # of the inputs that are not in activations[0]; None where all are
    cdef const Py_ssize_t* order  # which of the rows
    cdef Py_ssize_t n             # and how many
    cdef char** activations       # activations[l]: the input of layer l, (n, fan_in)
    cdef Py_ssize_t width         # values of a row in activations[0]
    # Bins that are not among them (stairs.h), NULL where all are: where each row lies, and the steps of the network at hand, NULL
    # where they are not kept.
    cdef int32_t* cells
    cdef char* ramps
    cdef char* stairs
    cdef Py_ssize_t cells_per_row, stairs_bytes
    cdef char** slopes            # slopes[l]: its derivative; NULL for ReLU, whose output shows it
    cdef char** deltas            # deltas[l]: gradient with respect to the weighted sums of layer l - 1; the last the logits'
    cdef char* logits
    cdef char* upstream           # the weights of one hidden layer, transposed
    cdef Pass now
    cdef Team* team               # that shares the batch; NULL where one thread does it all
    # Room of each thread: for the products (scratch_values in table.h), the gradient of a strip of one layer's weights or of its
    # biases, and rows on their way to activations[0].
    cdef char* scratch
    cdef char* gradient
    cdef char* gathered
    cdef Py_ssize_t scratch_bytes, gradient_bytes, gathered_bytes
    cdef char* targets
    cdef char* weights
    cdef char* entry_weights
    cdef char* loss
    cdef int32_t* ids
    cdef Py_ssize_t itemsize, n_allocated
    cdef void** allocated

    cdef char* zeros(self, Py_ssize_t size) except NULL

    cdef inline void choose(self, const Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
        """Stand for these n rows now; their values are still to be gathered."""
        self.order, self.n = order, n

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Batch: some rows and every array that is computed from them, from the gathered inputs to the deltas."""
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free

from sklearn_heads._core.kernels cimport OVERRUN, SCRATCH_FORWARD, SCRATCH_GRADIENT, SCRATCH_UPSTREAM, Loops, loops_of
from sklearn_heads._core.rows cimport Rows

# So that sizes in bytes cannot overflow; memory ends sooner.
MOST_VALUES = 2**56


cdef class Batch:
    """Up to `most` rows at a time on their way through a network: which ones, and room for their inputs, hidden layers, logits,
    targets and deltas. Each thread that works has its own; a network holds none.

    Parameters
    ----------
    rows : Rows
    layer_units : tuple of int
        d, the hidden widths, k.
    most : int
        Rows of the largest batch.
    slopes : bool
        Whether the backward pass needs the activations' derivatives beside them.
    training : bool
        Whether there is a backward pass.
    n_threads : int
        That may share a batch.
    lazy : bool
        Whether weights without a gradient may take their steps later: see Entries.
    n_stairs : int
        Networks whose tables of steps are kept (stairs.h); 0 for rows so few that steps are computed as they need them.
    """

    def __cinit__(
        self, Rows rows not None, tuple layer_units not None, Py_ssize_t most, bint slopes, bint training,
        int n_threads, bint lazy, int n_stairs,
    ):
        cdef Py_ssize_t layer, n_layers = len(layer_units) - 1, k = layer_units[n_layers]
        cdef Py_ssize_t d, h, scratch = 0, gradient = 0, upstream = 0, rows_read = most + OVERRUN
        cdef const Loops* loops = loops_of(rows.dtype.itemsize == 8)
        cdef int passes
        cdef Py_ssize_t gathered, cells, binned
        if most < 1 and rows.n_rows or most > MOST_VALUES // max(layer_units):
            raise MemoryError(f"batches of {most} rows in layers {layer_units}: lower batch_size, or make the layers narrower")
        self.rows, self.itemsize = rows, rows.dtype.itemsize
        self.activations = <char**> calloc(n_layers, sizeof(char*))
        self.slopes = <char**> calloc(n_layers, sizeof(char*))
        self.deltas = <char**> calloc(n_layers + 1, sizeof(char*))
        self.allocated = <void**> calloc(3 * n_layers + 15, sizeof(void*))
        if self.activations == NULL or self.slopes == NULL or self.deltas == NULL or self.allocated == NULL:
            raise MemoryError
        if rows.row_encoding.first_entry < rows.row_encoding.width:
            self.entries = Entries(rows, layer_units[1], most, training, lazy)
        self.width = rows.row_encoding.first_entry
        if rows.row_encoding.has_stairs and layer_units[1] >= OVERRUN:
            binned = rows.encoding.binned[0]
            self.width -= rows.encoding.n_added
            self.cells_per_row = (binned + OVERRUN - 1) // OVERRUN * OVERRUN
            self.cells = <int32_t*> self.zeros(most * self.cells_per_row)
            self.ramps = self.zeros(most * self.cells_per_row)
            cells = binned * rows.encoding.n_bins
            self.stairs_bytes = cells * 2 * (layer_units[1] * self.itemsize + 63) // 64 * 64
            if n_stairs:
                self.stairs = self.zeros(n_stairs * self.stairs_bytes // self.itemsize)
            if training:
                gradient = GROUP * rows.encoding.n_bins * layer_units[1]
                scratch = 2 * most + 129 * rows.encoding.n_bins + 1
        for layer in range(n_layers):
            d = layer_units[layer] if layer else self.width
            self.activations[layer] = self.zeros(rows_read * d + 2 * OVERRUN)
            if layer and training:
                self.deltas[layer] = self.zeros(rows_read * layer_units[layer])
                if slopes:
                    self.slopes[layer] = self.zeros(most * layer_units[layer])
        if training:
            self.deltas[n_layers] = self.zeros(rows_read * k)
        for layer in range(n_layers):
            d, h = layer_units[layer] if layer else self.width, layer_units[layer + 1]
            passes = SCRATCH_FORWARD
            if training:
                passes |= SCRATCH_GRADIENT
                gradient = max(gradient, max(strip(d, h), 1) * h)
                if layer:
                    upstream = max(upstream, loops.scratch_values(d, h, SCRATCH_UPSTREAM))
            scratch = max(scratch, loops.scratch_values(d, h, passes))
        self.upstream = self.zeros(upstream)
        # A cache line apart, or threads would wait for each other's lines.
        scratch, gradient = apart(scratch), apart(gradient)
        self.scratch_bytes, self.gradient_bytes = scratch * self.itemsize, gradient * self.itemsize
        self.scratch, self.gradient = self.zeros(n_threads * scratch), self.zeros(n_threads * gradient)
        if n_threads > 1:
            gathered = apart((NEAR + OVERRUN) * self.width + 2 * OVERRUN)
            self.gathered_bytes, self.gathered = gathered * self.itemsize, self.zeros(n_threads * gathered)
        self.logits = self.zeros(most * k)
        self.targets = self.zeros(most * k)
        self.weights = self.zeros(most)
        self.entry_weights = self.zeros(most * k)
        self.loss = self.zeros(most * k)
        self.ids = <int32_t*> self.zeros(most)

    def __dealloc__(self):
        cdef Py_ssize_t nth
        if self.allocated != NULL:
            for nth in range(self.n_allocated):
                free(self.allocated[nth])
        free(self.allocated)
        free(self.activations)
        free(self.slopes)
        free(self.deltas)

    cdef char* zeros(self, Py_ssize_t size) except NULL:
        """Room for so many zeros, from the start of a cache line on: see `padded`. A prediction of one row waits for this."""
        cdef char* room = <char*> calloc(size * self.itemsize + 64, 1)
        if room == NULL:
            raise MemoryError(f"no room for {size} values of a batch: lower batch_size, or make the hidden layers narrower")
        self.allocated[self.n_allocated] = room
        self.n_allocated += 1
        return room + (64 - <size_t> room % 64) % 64


cdef Py_ssize_t apart(Py_ssize_t size) noexcept:
    """This many elements and more, up to whole cache lines and one between."""
    return (size + 15) // 16 * 16 + 32

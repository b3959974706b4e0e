# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Network: a stack of dense layers with a logistic or softmax loss on top, and everything that happens inside an epoch.

    a_0 = gathered rows of X                    (n, d)
    z_l = a_{l-1} W_l + b_l,  a_l = activation(z_l) dropout mask    (n, h_l), hidden layers
    z_L = a_{L-1} W_L + b_L                     (n, k), the logits
    loss = sum over the batch of w_i loss(t_i, z_i) / n, plus l2 / (2 n) * |W|^2        (weights w have mean one)

and backwards, with delta_L = w d loss / d z_L:

    gW_l = a_{l-1}' delta_l,   gb_l = column sums of delta_l,   delta_{l-1} = (delta_l W_l') slope_{l-1}

where the forward pass has left the slope (the activation's derivative, dropout mask included) beside each a_l. A ReLU leaves
none: its output shows it.

The core neither validates nor allocates inside an epoch: arrays come from Python, checked; a Workspace holds a batch.
"""
import numpy as np

from sklearn_heads._core.batch import aligned

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from sklearn_heads._core.batch cimport Rows, Workspace, address
from sklearn_heads._core.kernels cimport Loops, Targets, loops_of
from sklearn_heads._core.optimizer cimport Optimizer

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "leaky_relu", "gelu", "silu", "selu")  # the order of table.h
LOSSES = ("logistic", "softmax")

# Between two looks at pending signals: about a tenth of a second of arithmetic on a slow core.
cdef double FLOPS_BETWEEN_SIGNALS = 1e9

# A hidden layer is computed this many rows at a time, so that what follows its product finds them in the nearest cache.
cdef Py_ssize_t NEAR = 48


cdef struct Layer:
    Py_ssize_t fan_in, units
    char* W
    char* b
    char* gW
    char* gb


cdef class Network:
    """Dense layers over one flat parameter vector: all weights first, layer by layer, then all biases.

    Parameters
    ----------
    layer_units : sequence of int
        d, the hidden widths, k.
    activation : str, one of ACTIVATIONS
        Of the hidden layers.
    loss : str, one of LOSSES
        "logistic": k independent sigmoids with binary cross-entropy; "softmax": cross-entropy.
    dtype : float32 or float64
        The working precision.
    parameters : ndarray or None
        Values of the flat vector, copied; None for zeros.

    Attributes
    ----------
    parameters : ndarray (n_parameters,)
    coefs, intercepts : lists of ndarrays
        Views of it: (fan_in, units) and (units,) a layer.
    n_weights, n_biases : int
        How many of the parameters are weights, to which decay applies, and biases.
    """
    cdef readonly tuple layer_units
    cdef readonly str activation, loss
    cdef readonly object dtype, parameters, gradient
    cdef readonly list coefs, intercepts
    cdef readonly Py_ssize_t n_layers, n_outputs, n_weights, n_biases
    cdef Layer* layers
    cdef const Loops* loops
    cdef bint is_double, is_softmax, is_relu
    cdef int activation_code
    cdef Py_ssize_t itemsize
    cdef double flops_a_row

    def __cinit__(self, layer_units, *args, **kwargs):
        self.layers = <Layer*> calloc(len(layer_units), sizeof(Layer))
        if self.layers == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.layers)

    def __init__(self, layer_units, activation, loss, dtype, parameters=None):
        self.layer_units = tuple(int(units) for units in layer_units)
        self.activation, self.loss, self.dtype = activation, loss, np.dtype(dtype)
        self.n_layers = len(self.layer_units) - 1
        self.n_outputs = self.layer_units[self.n_layers]
        self.activation_code = ACTIVATIONS.index(activation)
        self.is_relu = activation == "relu"
        self.is_softmax = LOSSES.index(loss) == 1
        self.is_double = self.dtype == np.float64
        self.itemsize = self.dtype.itemsize
        self.loops = loops_of(self.is_double)
        shapes = list(zip(self.layer_units, self.layer_units[1:]))
        self.n_weights = sum(fan_in * units for fan_in, units in shapes)
        self.n_biases = sum(self.layer_units[1:])
        size = self.n_weights + self.n_biases
        self.flops_a_row = 6.0 * size
        self.parameters = aligned(np.zeros(size, self.dtype) if parameters is None else parameters.astype(self.dtype, copy=False))
        self.coefs, self.intercepts = self.views(self.parameters)
        for nth, (fan_in, units) in enumerate(shapes):
            self.layers[nth].fan_in, self.layers[nth].units = fan_in, units
            self.layers[nth].W = <char*> address(self.coefs[nth])
            self.layers[nth].b = <char*> address(self.intercepts[nth])

    def __reduce__(self):
        return Network, (self.layer_units, self.activation, self.loss, self.dtype.name, self.parameters)

    def views(self, flat):
        """Cut a flat vector into weight matrices and bias vectors."""
        coefs, intercepts, at = [], [], 0
        for fan_in, units in zip(self.layer_units, self.layer_units[1:]):
            coefs.append(flat[at:at + fan_in * units].reshape(fan_in, units))
            at += fan_in * units
        for units in self.layer_units[1:]:
            intercepts.append(flat[at:at + units])
            at += units
        return coefs, intercepts

    def astype(self, dtype):
        """A copy of the network in another precision, or in the same."""
        return Network(self.layer_units, self.activation, self.loss, dtype, self.parameters)

    cdef int check(self, Rows rows) except -1:
        """Rows in another precision or of another width would be misread: the one thing that the core looks at."""
        cdef Py_ssize_t width = rows.encoding.n_columns + rows.encoding.n_bins * rows.encoding.n_binned
        if rows.dtype != self.dtype:
            raise TypeError(f"rows in {rows.dtype} for a network in {self.dtype}")
        if width != self.layer_units[0]:
            raise ValueError(f"rows of {width} encoded values for a network of {self.layer_units[0]} inputs")
        return 0

    # ---- one batch ---------------------------------------------------------------------------------------------

    cdef void gather(self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work) noexcept nogil:
        """Rows of X into activations[0]; a sparse X stays where it is."""
        if not rows.is_sparse:
            self.loops.gather[rows.double_source](
                rows.X, order, &rows.encoding, work.activations[0], n)

    cdef void forward(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double dropout, uint64_t key,
    ) noexcept nogil:
        """From activations[0] (or the sparse rows) to the logits. Slopes are left beside the activations in training."""
        cdef Py_ssize_t nth, start, rows_near, at
        cdef Layer* layer
        cdef char* slope
        for nth in range(self.n_layers - 1):
            layer = &self.layers[nth]
            start = 0
            while start < n:
                rows_near = min(NEAR, n - start)
                at = start * layer.units * self.itemsize
                slope = work.slopes[nth + 1]
                self.weighted_sums(rows, order, start, rows_near, work, nth, work.activations[nth + 1] + at)
                self.loops.activate[self.activation_code](
                    work.activations[nth + 1] + at, NULL if slope == NULL else slope + at, rows_near * layer.units)
                start += rows_near
            if dropout > 0:
                self.loops.dropout(
                    mixed(key + <uint64_t> nth), dropout, work.activations[nth + 1], work.slopes[nth + 1], n * layer.units)
        self.weighted_sums(rows, order, 0, n, work, self.n_layers - 1, work.logits)

    cdef void weighted_sums(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t start, Py_ssize_t n, Workspace work, Py_ssize_t nth, char* z,
    ) noexcept nogil:
        """z = a W + b for n rows of the batch from `start` on."""
        cdef Layer* layer = &self.layers[nth]
        if nth == 0 and rows.is_sparse:
            self.loops.sparse_product[rows.double_source](
                rows.X, rows.indices, rows.indptr, order + start, rows.encoding.factor, layer.W, layer.b, z, n, layer.units)
        else:
            self.loops.layer_forward(
                work.activations[nth] + start * layer.fan_in * self.itemsize, layer.W, layer.b, work.scratch, z, n,
                layer.fan_in, layer.units)

    cdef double loss_of(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double scale, double smoothing,
        void* delta,
    ) noexcept nogil:
        """Sum over the batch of scale w_i loss_i; its gradient with respect to the logits goes to delta, unless NULL."""
        cdef Py_ssize_t i, k = self.n_outputs, losses_a_row = 1 if self.is_softmax else k
        cdef Targets targets
        self.loops.gather_values(rows.weights, order, scale, work.weights, n)
        if self.is_softmax:
            for i in range(n):
                work.ids[i] = rows.ids[order[i]]
            targets.ids, targets.matrix = work.ids, NULL
            targets.hit, targets.miss = 1 - smoothing + smoothing / k, smoothing / k
            self.loops.cross_entropy(targets, work.logits, work.loss, delta, n, k)
        else:
            self.loops.gather_labels(rows.labels, order, smoothing / 2, 1 - smoothing / 2, work.targets, n, k)
            if delta == NULL:
                self.loops.logistic_loss(work.targets, work.logits, work.loss, n * k)
            else:
                self.loops.logistic_loss_gradient(work.targets, work.logits, work.loss, delta, n * k)
            if rows.label_weights != NULL:
                self.loops.label_weights(rows.labels, order, rows.label_weights, work.cell_weights, n, k)
                self.loops.multiply(work.cell_weights, work.loss, n * k)
                if delta != NULL:
                    self.loops.multiply(work.cell_weights, delta, n * k)
        self.loops.scale_rows(work.weights, work.loss, n, losses_a_row)
        if delta != NULL:
            self.loops.scale_rows(work.weights, delta, n, k)
        return self.loops.sum(work.loss, n * losses_a_row)

    cdef void backward(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double dropout,
    ) noexcept nogil:
        """From the logits' delta to the gradient."""
        cdef Py_ssize_t nth, start, rows_near, at
        cdef Layer* layer
        cdef char* delta = work.deltas[self.n_layers]
        for nth in range(self.n_layers - 1, 0, -1):
            layer = &self.layers[nth]
            self.loops.layer_gradient(
                work.activations[nth], delta, work.scratch, layer.gW, layer.gb, n, layer.fan_in, layer.units)
            self.loops.transpose(layer.W, work.scratch, layer.fan_in, layer.units)
            start = 0
            while start < n:
                rows_near = min(NEAR, n - start)
                at = start * layer.fan_in * self.itemsize
                self.loops.product(
                    NULL, delta + start * layer.units * self.itemsize, layer.units, 1, work.scratch, layer.fan_in,
                    work.deltas[nth] + at, rows_near, layer.fan_in, layer.units)
                if self.is_relu:
                    self.loops.backpropagate_relu(
                        work.activations[nth] + at, 1 / (1 - dropout), work.deltas[nth] + at, rows_near * layer.fan_in)
                else:
                    self.loops.multiply(work.slopes[nth] + at, work.deltas[nth] + at, rows_near * layer.fan_in)
                start += rows_near
            delta = work.deltas[nth]
        layer = &self.layers[0]
        if rows.is_sparse:
            memset(layer.gW, 0, layer.fan_in * layer.units * self.itemsize)
            memset(layer.gb, 0, layer.units * self.itemsize)
            self.loops.sparse_gradient[rows.double_source](
                rows.X, rows.indices, rows.indptr, order, rows.encoding.factor, delta, layer.gW, layer.gb, n, layer.units)
        else:
            self.loops.layer_gradient(
                work.activations[0], delta, work.scratch, layer.gW, layer.gb, n, layer.fan_in, layer.units)

    # ---- all rows ----------------------------------------------------------------------------------------------

    def forget_gradient(self):
        """After training: a trained network is its parameters."""
        self.gradient = None

    def prepare(self):
        """Allocate the gradient, which prediction does not need."""
        if self.gradient is None:
            self.gradient = aligned(np.zeros_like(self.parameters))
            coefs, intercepts = self.views(self.gradient)
            for nth in range(self.n_layers):
                self.layers[nth].gW = <char*> address(coefs[nth])
                self.layers[nth].gb = <char*> address(intercepts[nth])

    def train_epoch(
        self, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t batch_size, Optimizer optimizer, Workspace work,
        double l2=0, double dropout=0, double smoothing=0, uint64_t seed=0, stop=None,
    ):
        """One pass over `order` in batches: forward, backward, step. Returns the mean loss, l2 term included.

        The loss of a batch is averaged over its rows (weights have mean one over all rows), and l2 is divided by
        their number, as in MLPClassifier. Between batches, raises KeyboardInterrupt for a pending signal (the main thread
        sees it) or when `stop`, a threading.Event, is set (any thread does).
        """
        cdef Py_ssize_t start = 0, n, n_rows = order.shape[0]
        cdef double total = 0, flops = 0, batch_loss
        self.check(rows)
        self.prepare()
        with nogil:
            while start < n_rows:
                n = min(batch_size, n_rows - start)
                self.gather(rows, &order[start], n, work)
                self.forward(rows, &order[start], n, work, dropout, mixed(seed) + (<uint64_t> start << 8))
                batch_loss = self.loss_of(rows, &order[start], n, work, 1.0 / n, smoothing, work.deltas[self.n_layers])
                if l2 > 0:
                    batch_loss += 0.5 * l2 / n * self.loops.sum_squares(self.layers[0].W, self.n_weights)
                self.backward(rows, &order[start], n, work, dropout)
                optimizer.step(self.loops, self.layers[0].gW, self.layers[0].W, self.n_weights, l2 / n)
                total += batch_loss * n
                start += n
                flops += n * self.flops_a_row
                if flops > FLOPS_BETWEEN_SIGNALS:
                    flops = 0
                    with gil:
                        look_for_interrupt(stop)
        return total / n_rows

    def workspace(self, Rows rows, Py_ssize_t n, bint training):
        """Room for batches of n of these rows."""
        return Workspace(self.layer_units, self.dtype, n, rows.is_sparse, not self.is_relu, training)

    def loss_and_gradient(
        self, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=1024, double smoothing=0, stop=None,
    ):
        """Mean loss over the rows named by `order` and its gradient, a block at a time."""
        cdef Py_ssize_t start = 0, n, n_rows = order.shape[0]
        cdef double total = 0, flops = 0
        cdef Workspace work = self.workspace(rows, min(block, n_rows), True)
        self.check(rows)
        self.prepare()
        gradient = np.zeros_like(self.parameters)
        cdef char* sum_at = <char*> address(gradient)
        with nogil:
            while start < n_rows:
                n = min(block, n_rows - start)
                self.gather(rows, &order[start], n, work)
                self.forward(rows, &order[start], n, work, 0, 0)
                total += self.loss_of(rows, &order[start], n, work, 1.0 / n_rows, smoothing, work.deltas[self.n_layers])
                self.backward(rows, &order[start], n, work, 0)
                self.loops.add(self.layers[0].gW, sum_at, self.n_weights + self.n_biases)
                start += n
                flops += n * self.flops_a_row
                if flops > FLOPS_BETWEEN_SIGNALS:
                    flops = 0
                    with gil:
                        look_for_interrupt(stop)
        return total, gradient

    def logits(self, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=256):
        """Logits (n, k) of the rows named by `order`, a block at a time."""
        return logits_of([self], rows, order, block)[0]

    def total_loss(self, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=256, stop=None):
        """Weighted sum of the losses of the rows named by `order`, without smoothing or l2: what early stopping watches."""
        cdef Py_ssize_t start = 0, n, n_rows = order.shape[0]
        cdef double total = 0, flops = 0
        cdef Workspace work = self.workspace(rows, min(block, n_rows), False)
        self.check(rows)
        with nogil:
            while start < n_rows:
                n = min(block, n_rows - start)
                self.gather(rows, &order[start], n, work)
                self.forward(rows, &order[start], n, work, 0, 0)
                total += self.loss_of(rows, &order[start], n, work, 1, 0, NULL)
                start += n
                flops += n * self.flops_a_row
                if flops > FLOPS_BETWEEN_SIGNALS:
                    flops = 0
                    with gil:
                        look_for_interrupt(stop)
        return total


def logits_of(list networks, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=256):
    """Logits (m, n, k) of m networks of one shape: a block of rows is gathered and encoded once for all of them."""
    cdef Network network, first = networks[0]
    cdef Py_ssize_t start, n, m, n_rows = order.shape[0], a_row = first.n_outputs * first.itemsize
    cdef Workspace work = first.workspace(rows, min(block, n_rows), False)
    logits = np.empty((len(networks), n_rows, first.n_outputs), dtype=first.dtype)
    cdef char* at = <char*> address(logits)
    for network in networks:
        network.check(rows)
    for start in range(0, n_rows, block):
        n = min(block, n_rows - start)
        with nogil:
            first.gather(rows, &order[start], n, work)
        for m, network in enumerate(networks):
            with nogil:
                work.logits = at + (m * n_rows + start) * a_row
                network.forward(rows, &order[start], n, work, 0, 0)
        PyErr_CheckSignals()
    return logits


cdef int look_for_interrupt(stop) except -1:
    """Raise KeyboardInterrupt for a pending Ctrl-C, or where another thread has set the event `stop`."""
    PyErr_CheckSignals()
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt
    return 0


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """splitmix64: one well-mixed 64-bit key for each counter value."""
    x += <uint64_t> 0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EB
    return x ^ (x >> 31)

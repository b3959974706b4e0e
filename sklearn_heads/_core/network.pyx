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

from sklearn_heads._core.batch import roomy

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from sklearn_heads._core.batch cimport Rows, Workspace, address, strip
from sklearn_heads._core.kernels cimport Targets, loops_of
from sklearn_heads._core.optimizer cimport Optimizer

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "leaky_relu", "gelu", "silu", "selu")  # the order of table.h
KERNELS = ("logistic", "softmax")

# Between two looks at pending signals: about a tenth of a second of arithmetic on a slow core. What a batch and a row cost
# beside their products is counted as so much arithmetic: to a tiny network it is all there is.
cdef double FLOPS_BETWEEN_SIGNALS = 1e9
cdef double FLOPS_A_BATCH = 1e4
cdef double FLOPS_A_ROW = 500

# Layers are computed this many rows at a time, so that what follows a product finds them in the nearest cache.
cdef Py_ssize_t NEAR = 48


cdef class Network:
    """Dense layers over one flat parameter vector: all weights first, layer by layer, then all biases.

    Parameters
    ----------
    layer_units : sequence of int
        d, the hidden widths, k.
    activation : str, one of ACTIVATIONS
        Of the hidden layers.
    kernel : str, one of KERNELS
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
    def __cinit__(self, layer_units, *args, **kwargs):
        self.layers = <Layer*> calloc(len(layer_units), sizeof(Layer))
        if self.layers == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.layers)

    def __init__(self, layer_units, activation, kernel, dtype, parameters=None):
        self.layer_units = tuple(int(units) for units in layer_units)
        self.activation, self.kernel, self.dtype = activation, kernel, np.dtype(dtype)
        self.n_layers = len(self.layer_units) - 1
        self.n_outputs = self.layer_units[self.n_layers]
        self.activation_code = ACTIVATIONS.index(activation)
        self.is_relu = activation == "relu"
        self.is_softmax = KERNELS.index(kernel) == 1
        self.is_double = self.dtype == np.float64
        self.itemsize = self.dtype.itemsize
        self.loops = loops_of(self.is_double)
        shapes = list(zip(self.layer_units, self.layer_units[1:]))
        self.n_weights = sum(fan_in * units for fan_in, units in shapes)
        self.n_biases = sum(self.layer_units[1:])
        size = self.n_weights + self.n_biases
        self.flops_a_row = 6.0 * size + FLOPS_A_ROW
        self.parameters = roomy(np.zeros(size, self.dtype) if parameters is None else parameters.astype(self.dtype, copy=False))
        self.coefs, self.intercepts = self.views(self.parameters)
        for nth, (fan_in, units) in enumerate(shapes):
            self.layers[nth].fan_in, self.layers[nth].units = fan_in, units
            self.layers[nth].W = <char*> address(self.coefs[nth])
            self.layers[nth].b = <char*> address(self.intercepts[nth])

    def __reduce__(self):
        return Network, (self.layer_units, self.activation, self.kernel, self.dtype.name, self.parameters)

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
        return Network(self.layer_units, self.activation, self.kernel, dtype, self.parameters)

    cdef int check(self, Rows rows) except -1:
        """Rows in another precision or of another width would be misread: the one thing that the core looks at."""
        cdef Py_ssize_t width = rows.encoding.n_columns + rows.encoding.n_added
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
        """From activations[0] (or the sparse rows) to the logits, some rows after others, so that each layer finds them in the
        nearest cache. Slopes are left beside the activations in training."""
        cdef Py_ssize_t nth, start = 0, rows_near, at
        cdef Layer* layer
        cdef char* slope
        while start < n:
            rows_near = min(NEAR, n - start)
            for nth in range(self.n_layers - 1):
                layer = &self.layers[nth]
                at = start * layer.units * self.itemsize
                slope = NULL if work.slopes[nth + 1] == NULL else work.slopes[nth + 1] + at
                self.weighted_sums(rows, order, start, rows_near, work, nth, work.activations[nth + 1] + at)
                if not self.is_relu or (rows.is_sparse and nth == 0):  # else the product has done it
                    self.loops.activate[self.activation_code](work.activations[nth + 1] + at, slope, rows_near * layer.units)
                if dropout > 0:
                    self.loops.dropout(
                        mixed(key + <uint64_t> nth), dropout, start * layer.units, work.activations[nth + 1] + at, slope,
                        rows_near * layer.units)
            self.weighted_sums(
                rows, order, start, rows_near, work, self.n_layers - 1, work.logits + start * self.n_outputs * self.itemsize)
            start += rows_near

    cdef void weighted_sums(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t start, Py_ssize_t n, Workspace work, Py_ssize_t nth, char* z,
    ) noexcept nogil:
        """z = a W + b for n rows of the batch from `start` on; its ReLU, where that is cheap: in a dense hidden layer."""
        cdef Layer* layer = &self.layers[nth]
        if nth == 0 and rows.is_sparse:
            self.loops.sparse_product[rows.double_source](
                rows.X, rows.indices, rows.indptr, order + start, rows.encoding.factor, layer.W, layer.b, z, n, layer.units)
        else:
            self.loops.layer_forward(
                work.activations[nth] + start * layer.fan_in * self.itemsize, layer.W, layer.b, work.scratch,
                self.is_relu and nth < self.n_layers - 1, z, n, layer.fan_in, layer.units)

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
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, double dropout, Optimizer optimizer, double l2,
        char* total,
    ) noexcept nogil:
        """From the logits' delta to the gradient, which is put to use as it comes: see use_gradient."""
        cdef Py_ssize_t nth, start, rows_near, at
        cdef Layer* layer
        for nth in range(self.n_layers - 1, 0, -1):
            layer = &self.layers[nth]
            self.loops.transpose(layer.W, work.scratch, layer.fan_in, layer.units)
            start = 0
            while start < n:
                rows_near = min(NEAR, n - start)
                at = start * layer.fan_in * self.itemsize
                self.loops.product(
                    NULL, work.deltas[nth + 1] + start * layer.units * self.itemsize, layer.units, 1, work.scratch, layer.fan_in,
                    work.activations[nth] + at if self.is_relu else NULL, work.deltas[nth] + at, rows_near, layer.fan_in,
                    layer.units)
                if self.is_relu and dropout > 0:
                    self.loops.scale(1 / (1 - dropout), work.deltas[nth] + at, rows_near * layer.fan_in)
                elif not self.is_relu:
                    self.loops.multiply(work.slopes[nth] + at, work.deltas[nth] + at, rows_near * layer.fan_in)
                start += rows_near
            self.layer_gradient(nth, n, work, optimizer, l2, total)
        if not rows.is_sparse:
            self.layer_gradient(0, n, work, optimizer, l2, total)
            return
        layer = &self.layers[0]
        memset(work.gradient, 0, (layer.fan_in + 1) * layer.units * self.itemsize)
        at = layer.fan_in * layer.units * self.itemsize
        self.loops.sparse_gradient[rows.double_source](
            rows.X, rows.indices, rows.indptr, order, rows.encoding.factor, work.deltas[1], work.gradient, work.gradient + at,
            n, layer.units)
        self.use_gradient(work.gradient, layer.W, layer.fan_in * layer.units, True, optimizer, l2, total)
        self.use_gradient(work.gradient + at, layer.b, layer.units, False, optimizer, l2, total)

    cdef void layer_gradient(
        self, Py_ssize_t nth, Py_ssize_t n, Workspace work, Optimizer optimizer, double l2, char* total,
    ) noexcept nogil:
        """The gradient of a layer: its biases, then a strip of its weights after another, so that only one has to be kept."""
        cdef Layer* layer = &self.layers[nth]
        cdef Py_ssize_t first = 0, inputs, most = strip(layer.fan_in, layer.units)
        self.loops.column_sums(work.deltas[nth + 1], work.gradient, n, layer.units)
        self.use_gradient(work.gradient, layer.b, layer.units, False, optimizer, l2, total)
        while first < layer.fan_in:
            inputs = min(most, layer.fan_in - first)
            self.loops.layer_gradient(
                work.activations[nth] + first * self.itemsize, layer.fan_in, work.deltas[nth + 1], work.scratch, work.gradient,
                n, inputs, layer.units)
            self.use_gradient(
                work.gradient, layer.W + first * layer.units * self.itemsize, inputs * layer.units, True, optimizer, l2, total)
            first += inputs

    cdef void use_gradient(
        self, const char* g, char* p, Py_ssize_t n, bint is_weight, Optimizer optimizer, double l2, char* total,
    ) noexcept nogil:
        """n values g of the gradient, of the parameters at p: a step of the optimizer, or added to the total of all rows."""
        cdef Py_ssize_t at = p - self.layers[0].W
        if total == NULL:
            optimizer.step(self.loops, g, p, at, n, is_weight, l2)
        else:
            self.loops.add(g, total + at, n)

    # ---- all rows ----------------------------------------------------------------------------------------------

    cdef double batch(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n, Workspace work, Optimizer optimizer, double l2,
        double dropout, double smoothing, uint64_t key,
    ) noexcept nogil:
        """A batch of training: forward, backward, step. Returns its mean loss, l2 term included."""
        cdef double loss
        self.gather(rows, order, n, work)
        self.forward(rows, order, n, work, dropout, key)
        loss = self.loss_of(rows, order, n, work, 1.0 / n, smoothing, work.deltas[self.n_layers])
        if l2 > 0:
            loss += 0.5 * l2 / n * self.loops.sum_squares(self.layers[0].W, self.n_weights)
        optimizer.begin_step()
        self.backward(rows, order, n, work, dropout, optimizer, l2 / n, NULL)
        return loss

    cdef Workspace workspace(self, Rows rows, Py_ssize_t n, bint training):
        """Room for batches of n of these rows."""
        return Workspace(self.layer_units, self.dtype, n, rows.is_sparse, not self.is_relu, training)

    def loss_and_gradient(
        self, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=1024, double smoothing=0, stop=None,
    ):
        """Mean loss over the rows named by `order` and its gradient, a block at a time."""
        cdef Py_ssize_t start = 0, n, n_rows = order.shape[0]
        cdef double loss = 0, flops = 0
        cdef Workspace work = self.workspace(rows, min(block, n_rows), True)
        self.check(rows)
        gradient = np.zeros_like(self.parameters)
        cdef char* total = <char*> address(gradient)
        with nogil:
            while start < n_rows:
                n = min(block, n_rows - start)
                self.gather(rows, &order[start], n, work)
                self.forward(rows, &order[start], n, work, 0, 0)
                loss += self.loss_of(rows, &order[start], n, work, 1.0 / n_rows, smoothing, work.deltas[self.n_layers])
                self.backward(rows, &order[start], n, work, 0, None, 0, total)
                start += n
                self.look_up(n, &flops, stop)
        return loss, gradient

    def logits(self, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=BLOCK):
        """Logits (n, k) of the rows named by `order`, a block at a time."""
        return logits_of([self], rows, order, block)[0]

    cdef double sum_of_losses(
        self, Rows rows, const Py_ssize_t* order, Py_ssize_t n_rows, Workspace work, double* flops, stop,
    ) except? -1 nogil:
        """Weighted sum of the losses of some rows, without smoothing or l2: what early stopping watches."""
        cdef Py_ssize_t start = 0, n
        cdef double total = 0
        while start < n_rows:
            n = min(<Py_ssize_t> BLOCK, n_rows - start)
            self.gather(rows, order + start, n, work)
            self.forward(rows, order + start, n, work, 0, 0)
            total += self.loss_of(rows, order + start, n, work, 1, 0, NULL)
            start += n
            self.look_up(n, flops, stop)
        return total

    cdef int look_up(self, Py_ssize_t n, double* flops, stop) except -1 nogil:
        """After a batch of n rows, a look now and then whether to stop. `flops` counts the arithmetic since the last one."""
        flops[0] += n * self.flops_a_row + FLOPS_A_BATCH
        if flops[0] > FLOPS_BETWEEN_SIGNALS:
            flops[0] = 0
            with gil:
                look_for_interrupt(stop)
        return 0


def logits_of(list networks, Rows rows, const Py_ssize_t[::1] order, Py_ssize_t block=BLOCK):
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
    """Raises KeyboardInterrupt for a pending Ctrl-C (the main thread sees it), or where another thread has set the event."""
    PyErr_CheckSignals()
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt
    return 0

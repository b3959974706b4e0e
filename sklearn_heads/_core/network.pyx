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

The core neither validates nor allocates inside an epoch: arrays come from Python, checked; a Batch holds what is computed.
"""
import numpy as np

from sklearn_heads._core.rows import padded

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from sklearn_heads._core.batch cimport Batch, strip
from sklearn_heads._core.kernels cimport Targets, loops_of
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport INTEGER, REAL, Rows, check_order, data_of

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "leaky_relu", "gelu", "silu", "selu")  # the order of table.h
KERNELS = ("logistic", "softmax")

# Pending signals are polled this often: about every tenth of a second of arithmetic on a slow core. What a batch and a row cost
# beside their products is counted as so much arithmetic: in a tiny network it is nearly all.
cdef double FLOPS_BETWEEN_POLLS = 1e9
cdef double FLOPS_PER_BATCH = 1e4
cdef double FLOPS_PER_ROW = 500

# So that sizes in bytes, of a batch's arrays as well, cannot overflow; memory ends sooner.
MOST_PARAMETERS = 2**46

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
        Views of it: (fan_in, units) and (units,) per layer.
    n_weights, n_biases : int
        How many of the parameters are weights, to which decay applies, and biases.
    """
    def __dealloc__(self):
        free(self.layers)

    def __cinit__(self, layer_units, activation, kernel, dtype, parameters=None):
        self.layer_units = tuple(int(units) for units in layer_units)
        if len(self.layer_units) < 2 or min(self.layer_units) < 1:
            raise ValueError(f"a network of layers {self.layer_units}: each needs one unit at least")
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
        size = sum((fan_in + 1) * units for fan_in, units in shapes)
        if size > MOST_PARAMETERS:
            raise ValueError(
                f"layers of {list(self.layer_units)} units are a network of {size:.1e} weights, which no memory holds: lower "
                "hidden_layer_sizes."
            )
        self.n_biases = sum(self.layer_units[1:])
        self.n_weights = size - self.n_biases
        self.flops_per_row = 6.0 * size + FLOPS_PER_ROW
        parameters = np.zeros(size, self.dtype) if parameters is None else parameters.astype(self.dtype, copy=False)
        data_of(parameters, "a network's parameters", REAL, self.itemsize, size)
        self.parameters = padded(parameters)
        self.coefs, self.intercepts = self.views(self.parameters)
        self.layers = <Layer*> calloc(self.n_layers, sizeof(Layer))
        if self.layers == NULL:
            raise MemoryError
        for nth, (fan_in, units) in enumerate(shapes):
            self.layers[nth].fan_in, self.layers[nth].units = fan_in, units
            self.layers[nth].W = <char*> data_of(self.coefs[nth], "weights", REAL, self.itemsize, fan_in * units)
            self.layers[nth].b = <char*> data_of(self.intercepts[nth], "biases", REAL, self.itemsize, units)

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

    cdef int check(self, Rows rows, bint with_targets) except -1:
        """Rows in another precision, of another width or with other targets would be misread."""
        cdef Py_ssize_t width = rows.row_encoding.width
        if rows.dtype != self.dtype:
            raise TypeError(f"rows in {rows.dtype} for a network in {self.dtype}")
        if width != self.layers[0].fan_in:
            raise ValueError(f"rows of {width} encoded values for a network of {self.layers[0].fan_in} inputs")
        if with_targets and (
            rows.ids == NULL or rows.n_targets > self.n_outputs if self.is_softmax
            else rows.labels == NULL or rows.n_targets != self.n_outputs
        ):
            raise ValueError(f"rows without the targets of a {self.kernel} network of {self.n_outputs} outputs")
        return 0

    # ---- one batch ---------------------------------------------------------------------------------------------

    cdef void gather(self, Batch batch) noexcept nogil:
        """Rows of X into activations[0] and the entries of the batch."""
        if batch.rows.row_encoding.first_entry > 0:
            self.loops.gather[batch.rows.double_source](
                batch.rows.X, batch.order, &batch.rows.encoding, batch.activations[0], batch.n)
        if batch.entries is not None:
            batch.entries.gather(self.loops, batch.order, batch.n)

    cdef void add_base(self, Batch batch) noexcept nogil:
        """Before rows go forward with these weights: what inputs that are entries contribute to every row."""
        if batch.entries is not None:
            batch.entries.add_base(self.loops, self.layers[0].W, self.layers[0].b)

    cdef void forward(self, Batch batch, double dropout, uint64_t key) noexcept nogil:
        """From activations[0] and the entries to the logits, NEAR rows at a time, so that each layer finds them in the
        nearest cache. Slopes are left beside the activations in training."""
        cdef Py_ssize_t nth, start = 0, n, at
        cdef Layer* layer
        cdef char* slope
        while start < batch.n:
            n = min(NEAR, batch.n - start)
            for nth in range(self.n_layers - 1):
                layer = &self.layers[nth]
                at = start * layer.units * self.itemsize
                slope = NULL if batch.slopes[nth + 1] == NULL else batch.slopes[nth + 1] + at
                self.weighted_sums(batch, start, n, nth, batch.activations[nth + 1] + at)
                if not self.is_relu or (nth == 0 and batch.entries is not None):  # else the product has done it
                    self.loops.activate[self.activation_code](batch.activations[nth + 1] + at, slope, n * layer.units)
                if dropout > 0:
                    self.loops.dropout(
                        mixed(key + <uint64_t> nth), dropout, start * layer.units, batch.activations[nth + 1] + at, slope,
                        n * layer.units)
            self.weighted_sums(batch, start, n, self.n_layers - 1, batch.logits + start * self.n_outputs * self.itemsize)
            start += n

    cdef void weighted_sums(self, Batch batch, Py_ssize_t start, Py_ssize_t n, Py_ssize_t nth, char* z) noexcept nogil:
        """z = a W + b for n rows of the batch from `start` on; its ReLU, where nothing is to be added."""
        cdef Layer* layer = &self.layers[nth]
        if nth == 0 and batch.entries is not None:
            self.loops.layer_forward(
                batch.activations[0] + start * batch.rows.row_encoding.first_entry * self.itemsize, layer.W, batch.entries.bias,
                batch.scratch, False, z, n, batch.rows.row_encoding.first_entry, layer.units)
            self.loops.add_entries(
                batch.entries.start + start, batch.entries.input, batch.entries.value, layer.W, z, n, layer.units)
        else:
            self.loops.layer_forward(
                batch.activations[nth] + start * layer.fan_in * self.itemsize, layer.W, layer.b, batch.scratch,
                self.is_relu and nth < self.n_layers - 1, z, n, layer.fan_in, layer.units)

    cdef double loss_of(self, Batch batch, double scale, double smoothing, void* delta) noexcept nogil:
        """Sum over the batch of scale w_i loss_i; its gradient with respect to the logits goes to delta, unless NULL."""
        cdef Py_ssize_t i, n = batch.n, k = self.n_outputs, losses_per_row = 1 if self.is_softmax else k
        cdef Targets targets
        self.loops.gather_values(batch.rows.weights, batch.order, scale, batch.weights, n)
        if self.is_softmax:
            for i in range(n):
                batch.ids[i] = batch.rows.ids[batch.order[i]]
            targets.ids, targets.matrix = batch.ids, NULL
            targets.hit, targets.miss = 1 - smoothing + smoothing / k, smoothing / k
            self.loops.cross_entropy(targets, batch.logits, batch.loss, delta, n, k)
        else:
            self.loops.gather_labels(batch.rows.labels, batch.order, smoothing / 2, 1 - smoothing / 2, batch.targets, n, k)
            if delta == NULL:
                self.loops.logistic_loss(batch.targets, batch.logits, batch.loss, n * k)
            else:
                self.loops.logistic_loss_gradient(batch.targets, batch.logits, batch.loss, delta, n * k)
            if batch.rows.label_weights != NULL:
                self.loops.label_weights(
                    batch.rows.labels, batch.order, batch.rows.label_weights, batch.rows.entry_weights, batch.entry_weights, n, k)
                self.loops.multiply(batch.entry_weights, batch.loss, n * k)
                if delta != NULL:
                    self.loops.multiply(batch.entry_weights, delta, n * k)
        self.loops.scale_rows(batch.weights, batch.loss, n, losses_per_row)
        if delta != NULL:
            self.loops.scale_rows(batch.weights, delta, n, k)
        return self.loops.sum(batch.loss, n * losses_per_row)

    cdef void backward(self, Batch batch, double dropout, Optimizer optimizer, char* total) noexcept nogil:
        """From the logits' delta to the gradient, which is put to use as it comes: see use_gradient."""
        cdef Py_ssize_t nth, start, n, at
        cdef Layer* layer
        for nth in range(self.n_layers - 1, 0, -1):
            layer = &self.layers[nth]
            self.loops.transpose(layer.W, batch.scratch, layer.fan_in, layer.units)
            start = 0
            while start < batch.n:
                n = min(NEAR, batch.n - start)
                at = start * layer.fan_in * self.itemsize
                self.loops.product(
                    NULL, batch.deltas[nth + 1] + start * layer.units * self.itemsize, layer.units, 1, batch.scratch,
                    layer.fan_in, batch.activations[nth] + at if self.is_relu else NULL, batch.deltas[nth] + at, n, layer.fan_in,
                    layer.units)
                if self.is_relu and dropout > 0:
                    self.loops.scale(1 / (1 - dropout), batch.deltas[nth] + at, n * layer.fan_in)
                elif not self.is_relu:
                    self.loops.multiply(batch.slopes[nth] + at, batch.deltas[nth] + at, n * layer.fan_in)
                start += n
            self.layer_gradient(batch, nth, optimizer, total)
        self.layer_gradient(batch, 0, optimizer, total)
        if batch.entries is not None and total == NULL:
            batch.entries.step(self.loops, optimizer, self.layers[0].W, batch.deltas[1], batch.n)
        elif batch.entries is not None:
            batch.entries.add_to(self.loops, batch.deltas[1], total, batch.n)

    cdef void layer_gradient(self, Batch batch, Py_ssize_t nth, Optimizer optimizer, char* total) noexcept nogil:
        """The gradient of a layer: its biases, then its weights strip by strip, so that only one strip has to be kept."""
        cdef Layer* layer = &self.layers[nth]
        cdef Py_ssize_t first = 0, inputs, fan_in = layer.fan_in if nth else batch.rows.row_encoding.first_entry
        cdef Py_ssize_t most = strip(fan_in, layer.units)
        self.loops.column_sums(batch.deltas[nth + 1], batch.gradient, batch.n, layer.units)
        self.use_gradient(batch.gradient, layer.b, layer.units, False, optimizer, total)
        while first < fan_in:
            inputs = min(most, fan_in - first)
            self.loops.layer_gradient(
                batch.activations[nth] + first * self.itemsize, fan_in, batch.deltas[nth + 1], batch.scratch,
                batch.gradient, batch.n, inputs, layer.units)
            self.use_gradient(
                batch.gradient, layer.W + first * layer.units * self.itemsize, inputs * layer.units, True, optimizer, total)
            first += inputs

    cdef void use_gradient(
        self, const char* g, char* p, Py_ssize_t n, bint is_weight, Optimizer optimizer, char* total,
    ) noexcept nogil:
        """n values g of the gradient, of the parameters at p: a step of the optimizer, or added to the total of all rows."""
        cdef Py_ssize_t at = p - self.layers[0].W
        if total == NULL:
            optimizer.step(self.loops, g, p, at, n, is_weight)
        else:
            self.loops.add(g, total + at, n)

    cdef double train(
        self, Batch batch, Optimizer optimizer, double dropout, double smoothing, uint64_t key,
    ) noexcept nogil:
        """Gather a batch, forward, backward, step. Returns its mean loss, the L2 penalty included."""
        cdef double loss
        self.gather(batch)
        if batch.entries is not None:
            batch.entries.touch(self.loops, optimizer, self.layers[0].W, batch.n)
        self.add_base(batch)
        self.forward(batch, dropout, key)
        loss = self.loss_of(batch, 1.0 / batch.n, smoothing, batch.deltas[self.n_layers])
        loss += optimizer.penalty(self.loops, self.layers[0].W, self.n_weights, batch.n)
        optimizer.begin_step(batch.n)
        self.backward(batch, dropout, optimizer, NULL)
        return loss

    # ---- all rows ----------------------------------------------------------------------------------------------

    cdef Batch batch_of(self, Rows rows, Py_ssize_t most, bint training, bint lazy=False):
        """Room for up to `most` of these rows, in training or not."""
        return Batch(rows, self.layer_units, most, not self.is_relu, training, lazy)

    def loss_and_gradient(
        self, Rows rows not None, order, Py_ssize_t block=1024, *, double l2=0, double smoothing=0, stop=None,
    ):
        """Mean loss over the rows named by `order`, plus l2 / (2 n) |W|^2, and its gradient, a block of rows at a time."""
        cdef Py_ssize_t start = 0, n, n_rows = order.size
        cdef const Py_ssize_t* at = row_numbers(order, rows)
        cdef double loss = 0, flops = 0
        self.check(rows, True)
        cdef Batch batch = self.batch_of(rows, min(block, n_rows), True)
        gradient = np.zeros_like(self.parameters)
        cdef char* total = <char*> data_of(gradient, "gradient", REAL, self.itemsize, gradient.size)
        with nogil:
            self.add_base(batch)
            while start < n_rows:
                n = min(block, n_rows - start)
                batch.choose(at + start, n)
                self.gather(batch)
                self.forward(batch, 0, 0)
                loss += self.loss_of(batch, 1.0 / n_rows, smoothing, batch.deltas[self.n_layers])
                self.backward(batch, 0, None, total)
                start += n
                self.poll(n, &flops, stop)
        if l2 > 0:
            loss += 0.5 * l2 / n_rows * self.loops.sum_squares(self.layers[0].W, self.n_weights)
            gradient[:self.n_weights] += l2 / n_rows * self.parameters[:self.n_weights]
        return loss, gradient

    def logits(self, Rows rows, order, Py_ssize_t block=BLOCK):
        """Logits (n, k) of the rows named by `order`, a block at a time."""
        return logits_of([self], rows, order, block)[0]

    cdef double sum_of_losses(
        self, Batch batch, const Py_ssize_t* order, Py_ssize_t n_rows, double* flops, stop,
    ) except? -1 nogil:
        """Weighted sum of the losses of these rows, without smoothing or L2: the validation loss."""
        cdef Py_ssize_t start = 0, n
        cdef double total = 0
        self.add_base(batch)
        while start < n_rows:
            n = min(<Py_ssize_t> BLOCK, n_rows - start)
            batch.choose(order + start, n)
            self.gather(batch)
            self.forward(batch, 0, 0)
            total += self.loss_of(batch, 1, 0, NULL)
            start += n
            self.poll(n, flops, stop)
        return total

    cdef int poll(self, Py_ssize_t n, double* flops, stop) except -1 nogil:
        """After a batch of n rows: ask, now and then, whether to stop. `flops` counts the arithmetic since the last time."""
        flops[0] += n * self.flops_per_row + FLOPS_PER_BATCH
        if flops[0] > FLOPS_BETWEEN_POLLS:
            flops[0] = 0
            with gil:
                raise_if_interrupted(stop)
        return 0


cdef const Py_ssize_t* row_numbers(order, Rows rows) except? NULL:
    """The data of an array of intp that numbers some of these rows."""
    cdef const Py_ssize_t* at = <Py_ssize_t*> data_of(order, "the numbers of rows", INTEGER, sizeof(Py_ssize_t), order.size)
    check_order(at, order.size, rows.n_rows)
    return at


def logits_of(list networks not None, Rows rows not None, order, Py_ssize_t block=BLOCK):
    """Logits (m, n, k) of m networks of one shape: a block of rows is gathered and encoded once for all of them."""
    cdef Network network, first = <Network?> networks[0] if networks else None
    cdef Py_ssize_t start, n, m, n_rows = order.size
    cdef const Py_ssize_t* numbers = row_numbers(order, rows)
    for network in networks:
        if network is None or network.layer_units != first.layer_units or network.dtype != first.dtype:
            raise ValueError("the networks of an ensemble are of one shape and precision; these differ: fit the estimator anew.")
    if first is None:
        raise ValueError("an ensemble without networks")
    first.check(rows, False)
    cdef Batch batch = first.batch_of(rows, min(block, n_rows), False)
    cdef Py_ssize_t row_bytes = first.n_outputs * first.itemsize
    logits = np.empty((len(networks), n_rows, first.n_outputs), dtype=first.dtype)
    cdef char* at = <char*> data_of(logits, "logits", REAL, first.itemsize, logits.size)
    for start in range(0, n_rows, block):
        n = min(block, n_rows - start)
        with nogil:
            batch.choose(numbers + start, n)
            first.gather(batch)
        for m, network in enumerate(networks):
            with nogil:
                batch.logits = at + (m * n_rows + start) * row_bytes
                network.add_base(batch)
                network.forward(batch, 0, 0)
        PyErr_CheckSignals()
    return logits


cdef int raise_if_interrupted(stop) except -1:
    """KeyboardInterrupt for a pending Ctrl-C (the main thread sees it), or where another thread has set the event."""
    PyErr_CheckSignals()
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt
    return 0

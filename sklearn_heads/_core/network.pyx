# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Network: layers with a logistic or softmax loss on top, and everything that happens inside an epoch.

    loss = sum over the batch of w_i loss(t_i, z_i) / n, plus l2 / (2 n) * |W|^2        (weights w have mean one)

z_i being the logits (layers.pyx).

The core neither validates nor allocates inside an epoch: arrays come from Python, checked; a Batch holds what is computed.
"""
import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint64_t

from sklearn_heads._core.batch cimport Batch
from sklearn_heads._core.kernels cimport Targets
from sklearn_heads._core.layers cimport Layers
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport INTEGER, REAL, Rows, check_order, data_of

KERNELS = ("logistic", "softmax")

# Pending signals are polled this often: about every tenth of a second of arithmetic on a slow core. What a batch and a row cost
# beside their products is counted as so much arithmetic: in a tiny network it is nearly all.
cdef double FLOPS_BETWEEN_POLLS = 1e9
cdef double FLOPS_PER_BATCH = 1e4
cdef double FLOPS_PER_ROW = 500

# Rows of a prediction from which tables of steps are worth their making (stairs.h).
cdef Py_ssize_t ROWS_WORTH_STAIRS = 32


cdef class Network(Layers):
    """Layers with a loss on top.

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
    def __cinit__(self, layer_units, activation, kernel, dtype, parameters=None):
        self.kernel, self.is_softmax = kernel, KERNELS.index(kernel) == 1
        self.flops_per_row = 6.0 * (self.n_weights + self.n_biases) + FLOPS_PER_ROW

    def __reduce__(self):
        return Network, (self.layer_units, self.activation, self.kernel, self.dtype.name, self.parameters)

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

    cdef double train(
        self, Batch batch, Optimizer optimizer, double dropout, double smoothing, uint64_t key,
    ) noexcept nogil:
        """Gather a batch, forward, backward, step. Returns its mean loss, the L2 penalty included."""
        cdef double loss
        self.gather(batch)
        if batch.entries is not None:
            batch.entries.touch(self.loops, optimizer, self.layers[0].W, batch.n)
        self.add_base(batch)
        self.climb(batch)
        self.forward(batch, dropout, key)
        loss = self.loss_of(batch, 1.0 / batch.n, smoothing, batch.deltas[self.n_layers])
        loss += optimizer.penalty(self.loops, self.layers[0].W, self.n_weights, batch.n)
        optimizer.begin_step(batch.n)
        self.backward(batch, optimizer, NULL)
        return loss

    # ---- all rows ----------------------------------------------------------------------------------------------

    cdef Batch batch_of(
        self, Rows rows, Py_ssize_t most, bint training, int n_threads=1, bint lazy=False, int n_stairs=1,
    ):
        """Room for up to `most` of these rows, in training or not."""
        return Batch(rows, self.layer_units, most, not self.is_relu, training, n_threads, lazy, n_stairs)

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
            self.climb(batch)
            while start < n_rows:
                n = min(block, n_rows - start)
                batch.choose(at + start, n)
                self.gather(batch)
                self.forward(batch, 0, 0)
                loss += self.loss_of(batch, 1.0 / n_rows, smoothing, batch.deltas[self.n_layers])
                self.backward(batch, None, total)
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
        self.climb(batch)
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
    cdef bint keep = rows.n_rows >= ROWS_WORTH_STAIRS
    cdef Batch batch = first.batch_of(rows, min(block, n_rows), False, 1, False, len(networks) if keep else 0)
    cdef char* stairs = batch.stairs
    cdef Py_ssize_t row_bytes = first.n_outputs * first.itemsize
    logits = np.empty((len(networks), n_rows, first.n_outputs), dtype=first.dtype)
    cdef char* at = <char*> data_of(logits, "logits", REAL, first.itemsize, logits.size)
    if stairs != NULL:
        for m, network in enumerate(networks):
            batch.stairs = stairs + m * batch.stairs_bytes
            network.climb(batch)
    for start in range(0, n_rows, block):
        n = min(block, n_rows - start)
        with nogil:
            batch.choose(numbers + start, n)
            first.gather(batch)
        for m, network in enumerate(networks):
            with nogil:
                batch.logits = at + (m * n_rows + start) * row_bytes
                batch.stairs = stairs + m * batch.stairs_bytes if stairs != NULL else NULL
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

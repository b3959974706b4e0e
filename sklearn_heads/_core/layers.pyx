# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Layers: a stack of dense layers over one flat parameter vector, forward and backward, in parts that threads may share.

    a_0 = gathered rows of X                    (n, d)
    z_l = a_{l-1} W_l + b_l,  a_l = activation(z_l) dropout mask    (n, h_l), hidden layers
    z_L = a_{L-1} W_L + b_L                     (n, k), the logits

and backwards, from delta_L, the gradient of the loss with respect to the logits:

    gW_l = a_{l-1}' delta_l,   gb_l = column sums of delta_l,   delta_{l-1} = (delta_l W_l') slope_{l-1}

where the forward pass has left the slope (the activation's derivative, dropout mask included) beside each a_l. A ReLU leaves
none: its output shows it.

The rows of a batch go forward and their deltas backward NEAR at a time; the gradient of a layer, and the step that uses it,
take a strip of weights at a time. Each such part is computed alike whoever does it, and none reads what another of its pass
writes. So threads may share them, without a sum over threads anywhere, and the bits do not depend on how many there are.
"""
import numpy as np

from sklearn_heads._core.rows import padded

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from sklearn_heads._core.batch cimport (
    BACKWARD, CLIMB, FORWARD, GRADIENT, GROUP, NEAR, TRANSPOSE, Batch, strip, team_finish, team_offer, team_take, team_wait,
)
from sklearn_heads._core.kernels cimport loops_of
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport REAL, data_of

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "leaky_relu", "gelu", "silu", "selu")  # the order of table.h

# So that sizes in bytes, of a batch's arrays as well, cannot overflow; memory ends sooner.
MOST_PARAMETERS = 2**46

# Rows of W that are transposed at a time.
cdef enum:
    TRANSPOSED = 64


cdef inline Py_ssize_t row_parts(Py_ssize_t n) noexcept nogil:
    """Parts of n rows."""
    return (n + NEAR - 1) // NEAR


cdef inline Py_ssize_t groups_of(Batch batch) noexcept nogil:
    """Groups of columns whose bins are not spread out."""
    return (batch.rows.encoding.binned[0] + GROUP - 1) // GROUP if batch.cells != NULL else 0


cdef class Layers:
    """Dense layers over one flat parameter vector: all weights first, layer by layer, then all biases. See Network."""

    def __dealloc__(self):
        free(self.layers)

    def __cinit__(self, layer_units, activation, kernel, dtype, parameters=None):
        self.layer_units = tuple(int(units) for units in layer_units)
        if len(self.layer_units) < 2 or min(self.layer_units) < 1:
            raise ValueError(f"a network of layers {self.layer_units}: each needs one unit at least")
        self.activation, self.dtype = activation, np.dtype(dtype)
        self.n_layers = len(self.layer_units) - 1
        self.n_outputs = self.layer_units[self.n_layers]
        self.activation_code = ACTIVATIONS.index(activation)
        self.is_relu = activation == "relu"
        self.is_double = self.dtype == np.float64
        self.itemsize = self.dtype.itemsize
        self.line = 64 // self.itemsize
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

    cdef void gather(self, Batch batch) noexcept nogil:
        """The entries of the batch, and its rows of X into activations[0]; threads that share the batch gather their own rows."""
        if batch.team == NULL and batch.width > 0:
            self.loops.gather[batch.rows.double_source](
                batch.rows.X, batch.order, &batch.rows.encoding, batch.activations[0], batch.cells, batch.ramps, batch.n)
        if batch.entries is not None:
            batch.entries.gather(self.loops, batch.order, batch.n)

    cdef void gather_part(self, Batch batch, Py_ssize_t start, Py_ssize_t n, int who) noexcept nogil:
        """n rows of X from `start` on, by way of a thread's own room: a row is written past its end (rows.h)."""
        cdef Py_ssize_t row_bytes = batch.width * self.itemsize, first = start * batch.cells_per_row
        cdef char* room = batch.gathered + who * batch.gathered_bytes
        if row_bytes:
            self.loops.gather[batch.rows.double_source](
                batch.rows.X, batch.order + start, &batch.rows.encoding, room, batch.cells + first,
                batch.ramps + first * self.itemsize, n)
            memcpy(batch.activations[0] + start * row_bytes, room, n * row_bytes)

    cdef void add_base(self, Batch batch) noexcept nogil:
        """Before rows go forward with these weights: what inputs that are entries contribute to every row."""
        if batch.entries is not None:
            batch.entries.add_base(self.loops, self.layers[0].W, self.layers[0].b)

    cdef void climb(self, Batch batch) noexcept nogil:
        """Before rows go forward with these weights: the steps of the bins, where they are kept."""
        if batch.stairs != NULL:
            self.share(batch, None, CLIMB, 0, (self.layers[0].units + self.line - 1) // self.line)

    cdef void share(self, Batch batch, Optimizer optimizer, int kind, Py_ssize_t nth, Py_ssize_t parts) noexcept nogil:
        """Do a pass over the batch in parts, with the helpers of its team where there are any."""
        cdef int part
        batch.now.kind, batch.now.nth = kind, nth
        if batch.team == NULL:
            for part in range(parts):
                self.do(batch, optimizer, part, 0)
            return
        team_offer(batch.team, parts)
        part = team_take(batch.team)
        while part >= 0:
            self.do(batch, optimizer, part, 0)
            team_finish(batch.team)
            part = team_take(batch.team)
        team_wait(batch.team)

    cdef void do(self, Batch batch, Optimizer optimizer, Py_ssize_t part, int who) noexcept nogil:
        """A part of the pass at hand. Which thread does it makes no difference: none reads what another part writes."""
        cdef Py_ssize_t start = part * NEAR, n = min(<Py_ssize_t> NEAR, batch.n - start)
        if batch.now.kind == CLIMB:
            self.loops.climb(&batch.rows.encoding, self.layers[0].W, batch.stairs, part * self.line, self.layers[0].units)
        elif batch.now.kind == FORWARD:
            self.forward_part(batch, start, n, who)
        elif batch.now.kind == TRANSPOSE:
            self.transpose_part(batch, part)
        elif batch.now.kind == BACKWARD:
            self.backward_part(batch, batch.now.nth, start, n)
        else:
            self.gradient_part(batch, batch.now.nth, part, optimizer, who)

    cdef void forward(self, Batch batch, double dropout, uint64_t key) noexcept nogil:
        """From activations[0] and the entries to the logits. Slopes are left beside the activations in training."""
        batch.now.dropout, batch.now.key = dropout, key
        self.share(batch, None, FORWARD, 0, row_parts(batch.n))

    cdef void forward_part(self, Batch batch, Py_ssize_t start, Py_ssize_t n, int who) noexcept nogil:
        """n rows of the batch, from `start` on, through all layers."""
        cdef Py_ssize_t nth, at
        cdef Layer* layer
        cdef char* slope
        if batch.team != NULL:
            self.gather_part(batch, start, n, who)
        for nth in range(self.n_layers - 1):
            layer = &self.layers[nth]
            at = start * layer.units * self.itemsize
            slope = NULL if batch.slopes[nth + 1] == NULL else batch.slopes[nth + 1] + at
            self.weighted_sums(batch, start, n, nth, batch.activations[nth + 1] + at, who)
            if not self.is_relu or (nth == 0 and batch.entries is not None):  # else the product has done it
                self.loops.activate[self.activation_code](batch.activations[nth + 1] + at, slope, n * layer.units)
            if batch.now.dropout > 0:
                self.loops.dropout(
                    mixed(batch.now.key + <uint64_t> nth), batch.now.dropout, start * layer.units,
                    batch.activations[nth + 1] + at, slope, n * layer.units)
        self.weighted_sums(batch, start, n, self.n_layers - 1, batch.logits + start * self.n_outputs * self.itemsize, who)

    cdef void weighted_sums(
        self, Batch batch, Py_ssize_t start, Py_ssize_t n, Py_ssize_t nth, char* z, int who,
    ) noexcept nogil:
        """z = a W + b for n rows of the batch from `start` on; its ReLU, where nothing is to be added."""
        cdef Layer* layer = &self.layers[nth]
        cdef char* scratch = batch.scratch + who * batch.scratch_bytes
        cdef char* b = layer.b if nth or batch.entries is None else batch.entries.bias
        cdef bint relu = self.is_relu and nth < self.n_layers - 1 and (nth > 0 or batch.entries is None)
        cdef Py_ssize_t fan_in = layer.fan_in if nth else batch.width, at = start * batch.cells_per_row
        cdef char* x = batch.activations[nth] + start * fan_in * self.itemsize
        if nth == 0 and batch.cells != NULL:
            self.loops.product(b, x, fan_in, 1, layer.W, layer.units, NULL, z, n, layer.units, batch.rows.encoding.n_columns)
            self.loops.add_stairs(
                &batch.rows.encoding, batch.cells + at, batch.ramps + at * self.itemsize, x, layer.W, batch.stairs, relu, z, n,
                layer.units)
        else:
            self.loops.layer_forward(x, layer.W, b, scratch, relu, z, n, fan_in, layer.units)
        if nth == 0 and batch.entries is not None:
            self.loops.add_entries(
                batch.entries.start + start, batch.entries.input, batch.entries.value, layer.W, z, n, layer.units)

    cdef void backward(self, Batch batch, Optimizer optimizer, char* total) noexcept nogil:
        """From the logits' delta to the gradient, which is put to use as it comes: see use_gradient."""
        cdef Py_ssize_t nth
        batch.now.total = total
        for nth in range(self.n_layers - 1, 0, -1):
            self.share(batch, optimizer, TRANSPOSE, nth, (self.layers[nth].fan_in + TRANSPOSED - 1) // TRANSPOSED)
            self.share(batch, optimizer, BACKWARD, nth, row_parts(batch.n))
            self.share(batch, optimizer, GRADIENT, nth, self.strips(batch, nth))
        self.share(batch, optimizer, GRADIENT, 0, self.strips(batch, 0))
        if batch.entries is not None and total == NULL:
            batch.entries.step(self.loops, optimizer, self.layers[0].W, batch.deltas[1], batch.n)
        elif batch.entries is not None:
            batch.entries.add_to(self.loops, batch.deltas[1], total, batch.n)

    cdef void transpose_part(self, Batch batch, Py_ssize_t part) noexcept nogil:
        """Some rows of W become columns of `upstream`."""
        cdef Layer* layer = &self.layers[batch.now.nth]
        cdef Py_ssize_t first = part * TRANSPOSED, n = min(<Py_ssize_t> TRANSPOSED, layer.fan_in - first)
        self.loops.transpose(
            layer.W + first * layer.units * self.itemsize, batch.upstream + first * self.itemsize, layer.fan_in, n, layer.units)

    cdef void backward_part(self, Batch batch, Py_ssize_t nth, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        """The delta of the layer below, of n rows of the batch from `start` on."""
        cdef Layer* layer = &self.layers[nth]
        cdef Py_ssize_t at = start * layer.fan_in * self.itemsize
        cdef double dropout = batch.now.dropout
        self.loops.product(
            NULL, batch.deltas[nth + 1] + start * layer.units * self.itemsize, layer.units, 1, batch.upstream, layer.fan_in,
            batch.activations[nth] + at if self.is_relu else NULL, batch.deltas[nth] + at, n, layer.fan_in, layer.units)
        if self.is_relu and dropout > 0:
            self.loops.scale(1 / (1 - dropout), batch.deltas[nth] + at, n * layer.fan_in)
        elif not self.is_relu:
            self.loops.multiply(batch.slopes[nth] + at, batch.deltas[nth] + at, n * layer.fan_in)

    cdef Py_ssize_t fan_in(self, Batch batch, Py_ssize_t nth) noexcept nogil:
        """Inputs of a layer that are in its activations."""
        return self.layers[nth].fan_in if nth else batch.width

    cdef Py_ssize_t strips(self, Batch batch, Py_ssize_t nth) noexcept nogil:
        """Parts of a layer's gradient: its biases, then its weights strip by strip, so that only one strip has to be kept."""
        cdef Py_ssize_t fan_in = self.fan_in(batch, nth), inputs = max(1, strip(fan_in, self.layers[nth].units))
        cdef Py_ssize_t groups = groups_of(batch) if nth == 0 else 0
        return 1 + groups + (fan_in + inputs - 1) // inputs

    cdef void gradient_part(self, Batch batch, Py_ssize_t nth, Py_ssize_t part, Optimizer optimizer, int who) noexcept nogil:
        """The gradient of a strip of a layer's weights; as the first part of its biases, then of bins that are not spread out."""
        cdef Layer* layer = &self.layers[nth]
        cdef char* gradient = batch.gradient + who * batch.gradient_bytes
        cdef Py_ssize_t groups = groups_of(batch) if nth == 0 else 0, fan_in = self.fan_in(batch, nth)
        cdef Py_ssize_t most = max(1, strip(fan_in, layer.units)), first = (part - 1 - groups) * most
        cdef Py_ssize_t inputs = min(most, fan_in - first)
        if part == 0:
            self.loops.column_sums(batch.deltas[nth + 1], gradient, batch.n, layer.units)
            self.use_gradient(gradient, layer.b, layer.units, False, optimizer, batch.now.total)
        elif part <= groups:
            self.stairs_part(batch, (part - 1) * GROUP, optimizer, who)
        else:
            self.loops.layer_gradient(
                batch.activations[nth] + first * self.itemsize, fan_in, batch.deltas[nth + 1],
                batch.scratch + who * batch.scratch_bytes, gradient, batch.n, inputs, layer.units)
            self.use_inputs(batch, nth, first, inputs, gradient, optimizer)

    cdef void use_inputs(
        self, Batch batch, Py_ssize_t nth, Py_ssize_t first, Py_ssize_t inputs, const char* g, Optimizer optimizer,
    ) noexcept nogil:
        """Use the gradient of the weights of some inputs in activations[nth]. Bins that are missing there leave a gap in W."""
        cdef Py_ssize_t row_bytes = self.layers[nth].units * self.itemsize, before = inputs
        cdef char* W = self.layers[nth].W
        if nth == 0 and batch.cells != NULL:
            before = max(0, min(inputs, batch.rows.encoding.n_columns - first))
        if before:
            self.use_gradient(g, W + first * row_bytes, before * self.layers[nth].units, True, optimizer, batch.now.total)
        if before < inputs:
            self.use_gradient(
                g + before * row_bytes, W + (first + before + batch.rows.encoding.n_added) * row_bytes,
                (inputs - before) * self.layers[nth].units, True, optimizer, batch.now.total)

    cdef void stairs_part(self, Batch batch, Py_ssize_t first, Optimizer optimizer, int who) noexcept nogil:
        """The gradient of the bins of a group of columns, from `first` on: their weights lie bin by bin."""
        cdef Py_ssize_t b, count, units = self.layers[0].units, row_bytes = units * self.itemsize
        cdef Py_ssize_t last = min(first + GROUP, <Py_ssize_t> batch.rows.encoding.binned[0])
        cdef char* gradient = batch.gradient + who * batch.gradient_bytes
        cdef char* W = self.layers[0].W + (batch.rows.encoding.n_columns + first) * row_bytes
        self.loops.stairs_gradient(
            &batch.rows.encoding, batch.cells, batch.ramps, batch.deltas[1], batch.scratch + who * batch.scratch_bytes, gradient,
            first, last - first, batch.n, units)
        for b in range(batch.rows.encoding.n_bins):
            count = min(last, <Py_ssize_t> batch.rows.encoding.binned[b]) - first
            if count <= 0:
                return
            self.use_gradient(gradient, W, count * units, True, optimizer, batch.now.total)
            gradient += count * row_bytes
            W += batch.rows.encoding.binned[b] * row_bytes

    cdef void use_gradient(
        self, const char* g, char* p, Py_ssize_t n, bint is_weight, Optimizer optimizer, char* total,
    ) noexcept nogil:
        """n values g of the gradient, of the parameters at p: a step of the optimizer, or added to the total of all rows."""
        cdef Py_ssize_t at = p - self.layers[0].W
        if total == NULL:
            optimizer.step(self.loops, g, p, at, n, is_weight)
        else:
            self.loops.add(g, total + at, n)

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Epochs: passes over the same rows, shuffled, in batches, and the validation loss after each.

Several run in one stretch without the GIL, so that small fits in threads do not wait for each other between epochs.
"""
import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from sklearn_heads._core.batch cimport HELPERS, Batch, Team, team_await, team_begin, team_dismiss, team_end, team_finish
from sklearn_heads._core.layers cimport mixed
from sklearn_heads._core.network cimport BLOCK, Network, raise_if_interrupted, row_numbers
from sklearn_heads._core.optimizer cimport Optimizer
from sklearn_heads._core.rows cimport REAL, Rows, data_of

cdef extern from "table.h" nogil:
    void PREFETCH(const void* pointer)

# Of a shuffle: how many swaps are prepared before the first is made.
cdef enum:
    AHEAD = 32
    # Of an epoch: how often its weights become a part of their average.
    SAMPLES = 8

# What a sample leaves of the average before it: after an epoch, half.
cdef double FADING = 0.5 ** (1 / <double> SAMPLES)


cdef struct BitGenerator:
    # NumPy's interface for extending random (numpy/random/bitgen.h): what the capsule of a bit generator points to.
    void* state
    uint64_t (*next_uint64)(void* state) noexcept nogil
    uint32_t (*next_uint32)(void* state) noexcept nogil


cdef class Epochs:
    """Training epochs of one network over the same rows.

    Parameters
    ----------
    network : Network
    optimizer : Optimizer
    rows : Rows with targets
    order : ndarray (n,) of intp
        Which of them, and in which order where nothing shuffles them.
    batch_size : int
    validation : pair of Rows and ndarray (m,) of intp, or None
        Rows with targets whose mean loss is computed after each epoch, and which of them.
    validation_weight : float
        The sum of their weights.
    dropout, smoothing : float
    averaged : bool
        Whether the network that is validated has the running average of the weights, in place of those after the last step.
    n_threads : int
        That may share the batches: the one that calls `run`, and others that call `help` meanwhile.

    Attributes
    ----------
    history : list of tuple (loss, validation_loss)
        Of each epoch: the mean training loss, L2 included, and the mean loss of the validation rows after it, without L2 and
        smoothing; NaN where there are none.
    validated : Network
        The one that is trained, or another with the running average of its parameters.
    order : ndarray (n,) of intp
        As the last shuffle left it.
    best_parameters : ndarray or None
        Those validated after the epoch with the least validation loss; None without validation rows.
    """
    cdef readonly list history
    cdef readonly object best_parameters
    cdef Network network
    cdef readonly Network validated
    cdef Optimizer optimizer
    cdef readonly object order
    cdef object validation_order
    cdef Batch batch, validation_batch
    cdef Py_ssize_t batch_size
    cdef double dropout, smoothing, validation_weight, best
    cdef bint is_lazy
    cdef Py_ssize_t* order_at
    cdef Team team
    cdef bint is_open, validating, is_averaged
    cdef long long n_samples
    cdef readonly int n_threads
    cdef const Py_ssize_t* validation_at
    cdef Py_ssize_t n_rows, n_validation
    cdef char* best_at

    def __cinit__(
        self, Network network not None, Optimizer optimizer not None, Rows rows not None, order, batch_size, *, validation=None,
        double validation_weight=0.0, double dropout=0.0, double smoothing=0.0, bint averaged=False, int n_threads=1,
    ):
        cdef Rows validation_rows
        if team_begin(&self.team):
            raise MemoryError
        self.is_open = True
        self.network, self.optimizer = network, optimizer
        self.is_averaged, self.validated = averaged, network.astype(network.dtype) if averaged else network
        network.check(rows, True)
        optimizer.check(network.parameters)
        self.order = order.astype(np.intp)  # a copy; NumPy's own integers may be shorter
        self.order_at, self.n_rows = <Py_ssize_t*> row_numbers(self.order, rows), order.size
        self.order.setflags(write=False)  # by others: what has been checked stays so
        self.batch_size = min(batch_size, self.n_rows)
        if self.batch_size < 1:
            raise ValueError(f"batches of {batch_size} out of {self.n_rows} rows")
        self.dropout, self.smoothing = dropout, smoothing
        self.n_threads = n_threads if HELPERS else 1
        self.batch = network.batch_of(rows, self.batch_size, True, self.n_threads, optimizer.lazy)
        self.is_lazy = self.batch.entries is not None and optimizer.lazy
        optimizer.allow_lag((self.n_rows + self.batch_size - 1) // self.batch_size if self.is_lazy else 0)
        if self.is_lazy:
            self.batch.entries.begin(optimizer)
        self.history, self.best = [], INFINITY
        if validation is not None:
            validation_rows, validation_order = validation
            network.check(validation_rows, True)
            self.validation_order, self.validation_weight = validation_order.astype(np.intp), validation_weight
            self.validation_at, self.n_validation = row_numbers(self.validation_order, validation_rows), validation_order.size
            self.validation_batch = network.batch_of(
                validation_rows, min(<Py_ssize_t> BLOCK, self.n_validation), False, self.n_threads)
            self.best_parameters = network.parameters.copy()
            self.best_at = <char*> data_of(
                self.best_parameters, "parameters", REAL, network.itemsize, network.n_weights + network.n_biases)

    def __dealloc__(self):
        if self.is_open:
            team_end(&self.team)

    def help(self, int who):
        """Do parts of the batches of `run`, in another thread, until `dismiss`. Helpers are numbered from 1 to n_threads - 1."""
        cdef int part
        with nogil:
            part = team_await(&self.team)
            while part >= 0:
                if self.validating:
                    self.validated.do(self.validation_batch, self.optimizer, part, who)
                else:
                    self.network.do(self.batch, self.optimizer, part, who)
                team_finish(&self.team)
                part = team_await(&self.team)

    def invite(self):
        """From here on, helpers may come."""
        self.team.over = 0
        self.batch.team = &self.team
        if self.validation_batch is not None:
            self.validation_batch.team = &self.team

    def dismiss(self):
        """Send the helpers home: their calls return."""
        team_dismiss(&self.team)
        self.batch.team = NULL
        if self.validation_batch is not None:
            self.validation_batch.team = NULL

    def restart_average(self):
        """The weights so far have no part in it any more."""
        self.n_samples = 0

    def run(self, Py_ssize_t n_epochs, *, random=None, uint64_t key=0, stop=None):
        """So many epochs more; fewer where a loss is not finite.

        Parameters
        ----------
        n_epochs : int
        random : numpy.random.RandomState or None
            Shuffles the rows before each epoch, with the bits of its own `shuffle`; None leaves them as they are. Its lock is
            held until the last of the epochs: other users of the stream wait.
        key : int
            Of dropout's stream; grows by the number of rows from epoch to epoch.
        stop : threading.Event or None
            Set by another thread, ends them.

        Raises
        ------
        KeyboardInterrupt
            For a pending Ctrl-C, or for `stop`. The epochs that were finished are in the history.
        """
        cdef Py_ssize_t done = 0, n = self.n_rows
        cdef double flops = 0
        cdef BitGenerator* bits = NULL
        losses = np.full((n_epochs, 2), np.nan)
        cdef double* loss = <double*> data_of(losses, "losses", REAL, sizeof(double), 2 * n_epochs)
        lock = None
        if random is not None:
            bits = <BitGenerator*> PyCapsule_GetPointer(random._bit_generator.capsule, "BitGenerator")
            lock = random._bit_generator.lock
            lock.acquire()
        try:
            with nogil:
                while done < n_epochs:
                    if bits != NULL:
                        shuffle(bits, self.order_at, n)
                    loss[0] = self.train(mixed(key + <uint64_t> (done * n)), &flops, stop)
                    if self.validation_batch is not None:
                        loss[1] = self.validate(&flops, stop)
                    done += 1
                    if not isfinite(loss[0]) or (self.validation_batch is not None and not isfinite(loss[1])):
                        break
                    loss += 2
            raise_if_interrupted(stop)  # epochs too short for a poll of their own
        finally:
            self.settle()
            if lock is not None:
                lock.release()
            self.history.extend(map(tuple, losses[:done].tolist()))

    cdef double train(self, uint64_t key, double* flops, stop) except? -1 nogil:
        """One pass over the rows; their mean loss."""
        cdef Py_ssize_t start = 0, n
        cdef double total = 0
        self.optimizer.begin_epoch()
        while start < self.n_rows:
            n = min(self.batch_size, self.n_rows - start)
            self.batch.choose(self.order_at + start, n)
            total += n * self.network.train(
                self.batch, self.optimizer, self.dropout, self.smoothing, key + (<uint64_t> start << 8))
            start += n
            if self.is_averaged and start * SAMPLES // self.n_rows > (start - n) * SAMPLES // self.n_rows:
                self.sample()
            self.network.poll(n, flops, stop)
        self.settle()
        return total / self.n_rows

    cdef void sample(self) noexcept nogil:
        """The weights of now become a part of their average: of the plain mean, as long as that has few of them."""
        self.settle()
        self.n_samples += 1
        self.network.loops.approach(
            max(1 - FADING, 1 / <double> self.n_samples), self.network.layers[0].W, self.validated.layers[0].W,
            self.network.n_weights + self.network.n_biases)

    cdef void settle(self) noexcept nogil:
        """Between epochs, no weight is behind the steps that were taken."""
        if self.is_lazy:
            self.batch.entries.settle(self.network.loops, self.optimizer, self.network.layers[0].W)

    cdef double validate(self, double* flops, stop) except? -1 nogil:
        """The mean validation loss; the parameters are copied if none was less."""
        cdef double loss
        self.validating = True
        loss = self.validated.sum_of_losses(
            self.validation_batch, self.validation_at, self.n_validation, flops, stop) / self.validation_weight
        self.validating = False
        if loss < self.best:
            self.best = loss
            memcpy(
                self.best_at, self.validated.layers[0].W,
                (self.network.n_weights + self.network.n_biases) * self.network.itemsize)
        return loss


cdef void shuffle(BitGenerator* random, Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
    """Fisher and Yates's shuffle, with the bits of NumPy's legacy one: a partner from 0 to `most` is as many bits as `most` has,
    drawn until they are no more than it.

    Partners are drawn some swaps ahead, so that each has been fetched from memory when its turn comes. A draw beyond `most` stays
    in its place until the next one replaces it: no branch, which a processor would mispredict every third time.
    """
    cdef Py_ssize_t last = n - 1, at, count
    cdef Py_ssize_t[AHEAD] partner
    cdef uint64_t most, drawn, mask = 1
    while mask < <uint64_t> n:
        mask = 2 * mask + 1
    while last > 0:
        count, at = min(last, <Py_ssize_t> AHEAD), 0
        while at < count:
            most = last - at
            if mask >> 1 >= most:
                mask >>= 1
            drawn = random.next_uint64(random.state) if mask >> 32 else <uint64_t> random.next_uint32(random.state)
            partner[at] = drawn & mask
            PREFETCH(order + partner[at])
            at += partner[at] <= <Py_ssize_t> most
        for at in range(count):
            order[last - at], order[partner[at]] = order[partner[at]], order[last - at]
        last -= count

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Epochs: passes over the same rows, shuffled, in batches, and the loss of watched rows after each.

Several run in one stretch without the GIL, so that small fits in threads do not wait for each other between epochs.
"""
import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from sklearn_heads._core.batch cimport Rows, Workspace, address
from sklearn_heads._core.network cimport BLOCK, Network, look_for_interrupt, mixed
from sklearn_heads._core.optimizer cimport Optimizer

cdef extern from "table.h" nogil:
    void PREFETCH(const void* pointer)

# Of a shuffle: how many swaps are prepared before the first is made.
cdef enum:
    AHEAD = 32


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
    watched : pair of Rows and ndarray (m,) of intp, or None
        Rows with targets whose mean loss is computed after each epoch, and which of them.
    watched_weight : float
        The sum of their weights.
    l2, dropout, smoothing : float
        l2 is divided by the number of rows of a batch, as in MLPClassifier.

    Attributes
    ----------
    history : list of tuple (loss, watched_loss)
        Of each epoch: the mean training loss, l2 included, and the mean loss of the watched rows after it, without l2 and
        smoothing; NaN where none are watched.
    order : ndarray (n,) of intp
        As the last shuffle left it.
    best_parameters : ndarray or None
        Those after the epoch with the least loss of the watched rows; None where none are watched.
    """
    cdef readonly list history
    cdef readonly object best_parameters
    cdef Network network
    cdef Optimizer optimizer
    cdef Rows rows, watched
    cdef readonly object order
    cdef object watched_order
    cdef Workspace work, watched_work
    cdef Py_ssize_t batch_size
    cdef double l2, dropout, smoothing, watched_weight, best
    cdef const Py_ssize_t* watched_at
    cdef Py_ssize_t n_watched, n_bytes
    cdef char* best_at

    def __init__(
        self, network, optimizer, rows, order, batch_size, *, watched=None, watched_weight=0.0, l2=0.0, dropout=0.0,
        smoothing=0.0,
    ):
        self.network, self.optimizer, self.rows = network, optimizer, rows
        self.order = order.astype(np.intp)  # a copy; NumPy's own integers may be shorter
        self.batch_size = min(batch_size, order.size)
        self.l2, self.dropout, self.smoothing = l2, dropout, smoothing
        self.work = self.network.workspace(rows, self.batch_size, True)
        self.network.check(rows)
        self.history, self.best = [], INFINITY
        if watched is not None:
            self.watched, self.watched_order = watched[0], watched[1].astype(np.intp)
            self.watched_weight = watched_weight
            self.watched_work = self.network.workspace(self.watched, min(<Py_ssize_t> BLOCK, self.watched_order.size), False)
            self.network.check(self.watched)
            self.watched_at, self.n_watched = <Py_ssize_t*> address(self.watched_order), self.watched_order.size
            self.best_parameters = self.network.parameters.copy()
            self.best_at, self.n_bytes = <char*> address(self.best_parameters), self.best_parameters.nbytes

    def run(self, Py_ssize_t n_epochs, *, random=None, uint64_t key=0, stop=None):
        """So many epochs more; fewer where a loss is not finite.

        Parameters
        ----------
        n_epochs : int
        random : numpy.random.RandomState or None
            Shuffles the rows before each epoch, with the bits of its own `shuffle`; None leaves them as they are. Its lock is
            held until the last of the epochs: who shares it waits.
        key : int
            Of dropout's stream; grows by the number of rows from epoch to epoch.
        stop : threading.Event or None
            Set by another thread, ends them.

        Raises
        ------
        KeyboardInterrupt
            For a pending Ctrl-C, or for `stop`. The epochs that were finished are in the history.
        """
        cdef Py_ssize_t done = 0, n = self.order.size
        cdef double flops = 0
        cdef BitGenerator* bits = NULL
        cdef Py_ssize_t* order = <Py_ssize_t*> address(self.order)
        losses = np.full((n_epochs, 2), np.nan)
        cdef double* loss = <double*> address(losses)
        lock = None
        if random is not None:
            bits = <BitGenerator*> PyCapsule_GetPointer(random._bit_generator.capsule, "BitGenerator")
            lock = random._bit_generator.lock
            lock.acquire()
        try:
            with nogil:
                while done < n_epochs:
                    if bits != NULL:
                        shuffle(bits, order, n)
                    loss[0] = self.train(order, n, mixed(key + <uint64_t> (done * n)), &flops, stop)
                    if self.watched is not None:
                        loss[1] = self.watch(&flops, stop)
                    done += 1
                    if not isfinite(loss[0]) or (self.watched is not None and not isfinite(loss[1])):
                        break
                    loss += 2
            look_for_interrupt(stop)  # short epochs have not
        finally:
            if lock is not None:
                lock.release()
            self.history.extend(map(tuple, losses[:done].tolist()))

    cdef double train(self, const Py_ssize_t* order, Py_ssize_t n_rows, uint64_t key, double* flops, stop) except? -1 nogil:
        """One pass over the rows; their mean loss."""
        cdef Py_ssize_t start = 0, n
        cdef double total = 0
        while start < n_rows:
            n = min(self.batch_size, n_rows - start)
            total += n * self.network.batch(
                self.rows, order + start, n, self.work, self.optimizer, self.l2, self.dropout, self.smoothing,
                key + (<uint64_t> start << 8))
            start += n
            self.network.look_up(n, flops, stop)
        return total / n_rows

    cdef double watch(self, double* flops, stop) except? -1 nogil:
        """The mean loss of the watched rows; the parameters are kept if none was less."""
        cdef double loss = self.network.sum_of_losses(
            self.watched, self.watched_at, self.n_watched, self.watched_work, flops, stop) / self.watched_weight
        if loss < self.best:
            self.best = loss
            memcpy(self.best_at, self.network.layers[0].W, self.n_bytes)
        return loss


cdef void shuffle(BitGenerator* random, Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
    """Fisher and Yates's shuffle, with the bits of NumPy's legacy one: a partner from 0 to `most` is as many bits as `most` has,
    drawn until they are no more than it.

    Partners are drawn some swaps ahead, so that each is on its way from memory when its turn comes, and what is drawn in vain is
    written over rather than branched on: no processor could guess.
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

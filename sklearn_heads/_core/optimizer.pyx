# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Adam and SGD with L2 and decoupled weight decay, on flat parameter vectors."""
import numpy as np

from sklearn_heads._core.rows import padded

from libc.math cimport pow, sqrt

from sklearn_heads._core.rows cimport REAL, data_of


cdef class Optimizer:
    """Adam or SGD over a network's parameters: the rule, and the moments as flat arrays.

    Parameters
    ----------
    kind : "adam" or "sgd"
    size : int
        Number of parameters.
    dtype : the network's precision
    learning_rate : float
        The base rate; may be set between epochs.
    l2 : float
        A batch of n rows adds l2 / (2 n) |W|^2 to its mean loss, as in MLPClassifier; biases are left out. May be set between
        epochs.
    weight_decay : float
        Decoupled: each step multiplies weights, not biases, by 1 - learning_rate * weight_decay.
    first, second : ndarrays (size,) and, of Adam, (size,), otherwise (0,); or None for zeros
        The moments, copied.
    n_steps : int
        Steps that they come from.
    row_rates : ndarray (r,) of float64, or None
        The parameters begin with r rows of weights that have rates of their own: the base rate times these.
    row_size : int
        Parameters in each of these rows.
    """
    def __cinit__(
        self, kind, size, dtype, learning_rate, l2=0.0, weight_decay=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
        momentum=0.9, nesterov=True, first=None, second=None, long long n_steps=0, row_rates=None, Py_ssize_t row_size=0,
    ):
        if kind not in ("adam", "sgd"):
            raise ValueError(f"no such optimizer: {kind!r}")
        self.kind, self.is_adam = kind, kind == "adam"
        self.learning_rate, self.l2, self.weight_decay = learning_rate, l2, weight_decay
        self.rule.beta_1, self.rule.beta_2, self.rule.epsilon = beta_1, beta_2, epsilon
        self.rule.momentum, self.rule.nesterov = momentum, nesterov
        itemsize, n_second = np.dtype(dtype).itemsize, size if self.is_adam else 0
        first = np.zeros(size, dtype=dtype) if first is None else first
        second = np.zeros(n_second, dtype=dtype) if second is None else second
        data_of(first, "the optimizer's first moments", REAL, itemsize, size)
        data_of(second, "the optimizer's second moments", REAL, itemsize, n_second)
        if n_steps < 0:
            raise ValueError(f"an optimizer after {n_steps} steps")
        self.first, self.second, self.n_steps = padded(first), padded(second), n_steps
        self.first_at = <char*> data_of(self.first, "first", REAL, itemsize, size)
        self.second_at = <char*> data_of(self.second, "second", REAL, itemsize, n_second)
        self.row_rates, self.row_size = row_rates, row_size
        self.row_bytes, self.rated_bytes = row_size * itemsize, 0
        if row_rates is not None:
            if row_size < 1 or len(row_rates) * row_size > size:
                raise ValueError(f"{len(row_rates)} rows of {row_size} among {size} parameters")
            self.rates = <double*> data_of(row_rates, "row rates", REAL, 8, len(row_rates))
            self.rated_bytes = len(row_rates) * self.row_bytes

    def __reduce__(self):
        rule = self.rule
        return Optimizer, (
            self.kind, self.first.size, self.first.dtype.name, self.learning_rate, self.l2, self.weight_decay, rule.beta_1,
            rule.beta_2, rule.epsilon, rule.momentum, bool(rule.nesterov), self.first, self.second, self.n_steps,
            self.row_rates, self.row_size,
        )

    def copy(self):
        """An independent copy."""
        return Optimizer(*self.__reduce__()[1])

    cdef int check(self, parameters) except -1:
        """Moments of another size than the network's parameters would be read past their end."""
        if self.first.size != parameters.size or self.first.dtype != parameters.dtype:
            raise ValueError(
                f"an optimizer of {self.first.size} {self.first.dtype} parameters for a network of {parameters.size} "
                f"{parameters.dtype}: it belongs to another network."
            )
        return 0

    @property
    def lazy(self):
        """Whether the steps of weights without a gradient can be made up for later: see catch_up."""
        return bool(self.is_adam and self.l2 == 0)

    def allow_lag(self, Py_ssize_t n_steps):
        """Make room for an epoch of n_steps in which weights may be behind; 0 for epochs in which none are."""
        cdef double ratio = self.rule.beta_1 / sqrt(self.rule.beta_2) if self.rule.beta_2 > 0 else 0
        if n_steps == 0:
            self.owed = NULL
            return
        n = n_steps if ratio >= 1 else min(n_steps, int(np.ceil(-40 / np.log(max(ratio, 1e-17)))))
        self.kept = np.zeros(n_steps + 1), ratio ** np.arange(n + 1), np.ones(3 * n_steps + 3)
        self.owed = <double*> data_of(self.kept[0], "owed", REAL, 8, n_steps + 1)
        self.fading = <double*> data_of(self.kept[1], "fading", REAL, 8, n + 1)
        self.powers = <double*> data_of(self.kept[2], "powers", REAL, 8, 3 * n_steps + 3)
        self.n_fading, self.n_lag = n, n_steps
        self.begin_epoch()

    cdef void begin_epoch(self) noexcept nogil:
        """No weight is behind now."""
        cdef Py_ssize_t at
        cdef double shrink = 1 - self.learning_rate * self.weight_decay
        if self.owed != NULL:
            self.epoch_from = self.n_steps
            self.owed[0] = 0
            for at in range(3, 3 * self.n_lag + 3, 3):
                self.powers[at] = self.powers[at - 3] * self.rule.beta_1
                self.powers[at + 1] = self.powers[at - 2] * self.rule.beta_2
                self.powers[at + 2] = self.powers[at - 1] * shrink

    cdef void catch_up(
        self, const Loops* loops, char* p, Py_ssize_t at, Py_ssize_t n, long long n_steps,
    ) noexcept nogil:
        """The steps that n weights p have missed since they had taken n_steps: their gradient was zero in all of them.

        With c_u the rate of step u and s the shrinking of the decay, such a step is m <- beta_1 m, v <- beta_2 v,
        p <- s p - c_u m / sqrt(v). So m / sqrt(v) fades by r = beta_1 / sqrt(beta_2) per step, and from step t to step T

            p_T = s^(T - t) p_t - m_t / sqrt(v_t) * sum over u from t + 1 to T of s^(T - u) c_u r^(u - t)

        where the sum, `owed` of t, does not depend on the weight. Each step adds its own term to the sums of the last n_fading
        steps; those before have nothing left to add to, and only shrink. (epsilon is not faded: it is far below sqrt(v).)
        """
        cdef Py_ssize_t since = self.n_steps - n_steps
        cdef double moved
        cdef double* powers = self.powers + 3 * since
        if since == 0:
            return
        moved = self.owed[n_steps - self.epoch_from]
        if since > self.n_fading:
            moved *= self.powers[3 * (since - self.n_fading) + 2]
        if at < self.rated_bytes:
            moved *= self.rates[at / self.row_bytes]
        loops.adam_without_gradient(
            powers[0], powers[1], powers[2], moved, self.rule.epsilon, self.first_at + at, self.second_at + at, p, n)

    cdef double penalty(self, const Loops* loops, const char* W, Py_ssize_t n_weights, Py_ssize_t n_rows) noexcept nogil:
        """What L2 adds to the mean loss of a batch of n_rows."""
        return 0.5 * self.l2 / n_rows * loops.sum_squares(W, n_weights) if self.l2 > 0 else 0

    cdef void begin_step(self, Py_ssize_t n_rows) noexcept nogil:
        """Before the steps of a batch of n_rows: Adam's bias corrections go into the rate (loops.h)."""
        cdef Py_ssize_t ago, last
        cdef double shrink
        self.n_steps += 1
        self.rule.learning_rate = self.learning_rate
        if self.is_adam:
            self.rule.learning_rate *= sqrt(1 - pow(self.rule.beta_2, self.n_steps)) / (1 - pow(self.rule.beta_1, self.n_steps))
        self.rule_of_biases = self.rule
        self.rule.l2, self.rule.shrink = self.l2 / n_rows, 1 - self.learning_rate * self.weight_decay
        self.rule_of_biases.l2, self.rule_of_biases.shrink = 0, 1
        if self.owed != NULL:
            shrink = 1 - self.learning_rate * self.weight_decay
            last = self.n_steps - self.epoch_from
            self.owed[last] = 0
            for ago in range(1, min(self.n_fading, last) + 1):
                self.owed[last - ago] = shrink * self.owed[last - ago] + self.rule.learning_rate * self.fading[ago]

    cdef void step(
        self, const Loops* loops, const char* g, char* p, Py_ssize_t at, Py_ssize_t n, bint is_weight,
    ) noexcept nogil:
        """The step of n parameters p, whose moments begin at byte `at`, by their gradient g; L2 and decay are for weights."""
        cdef StepRule rule
        cdef Py_ssize_t done = 0, most
        if at >= self.rated_bytes:
            self.take(loops, &self.rule if is_weight else &self.rule_of_biases, g, p, at, n)
            return
        rule = self.rule
        while done < n:  # a row at a time
            rule.learning_rate = self.rule.learning_rate * (self.rates[at / self.row_bytes] if at < self.rated_bytes else 1)
            most = min(self.row_size, n - done)
            self.take(loops, &rule, g, p, at, most)
            done += most
            at, g, p = at + self.row_bytes, g + self.row_bytes, p + self.row_bytes

    cdef void take(
        self, const Loops* loops, const StepRule* rule, const char* g, char* p, Py_ssize_t at, Py_ssize_t n,
    ) noexcept nogil:
        """The step of these parameters by this rule."""
        if self.is_adam:
            loops.adam(rule, g, self.first_at + at, self.second_at + at, p, n)
        else:
            loops.sgd(rule, g, self.first_at + at, p, n)

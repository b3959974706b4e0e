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
    """
    def __cinit__(
        self, kind, size, dtype, learning_rate, l2=0.0, weight_decay=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
        momentum=0.9, nesterov=True, first=None, second=None, long long n_steps=0,
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

    def __reduce__(self):
        rule = self.rule
        return Optimizer, (
            self.kind, self.first.size, self.first.dtype.name, self.learning_rate, self.l2, self.weight_decay, rule.beta_1,
            rule.beta_2, rule.epsilon, rule.momentum, bool(rule.nesterov), self.first, self.second, self.n_steps,
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

    cdef double penalty(self, const Loops* loops, const char* W, Py_ssize_t n_weights, Py_ssize_t n_rows) noexcept nogil:
        """What L2 adds to the mean loss of a batch of n_rows."""
        return 0.5 * self.l2 / n_rows * loops.sum_squares(W, n_weights) if self.l2 > 0 else 0

    cdef void begin_step(self, Py_ssize_t n_rows) noexcept nogil:
        """Before the steps of a batch of n_rows: Adam's bias corrections go into the rate (loops.h)."""
        self.n_steps += 1
        self.l2_per_row = self.l2 / n_rows
        self.rule.learning_rate = self.learning_rate
        if self.is_adam:
            self.rule.learning_rate *= sqrt(1 - pow(self.rule.beta_2, self.n_steps)) / (1 - pow(self.rule.beta_1, self.n_steps))

    cdef void step(
        self, const Loops* loops, const char* g, char* p, Py_ssize_t at, Py_ssize_t n, bint is_weight,
    ) noexcept nogil:
        """The step of n parameters p, whose moments begin at byte `at`, by their gradient g; L2 and decay are for weights."""
        self.rule.l2 = self.l2_per_row if is_weight else 0
        self.rule.shrink = 1 - self.learning_rate * self.weight_decay if is_weight else 1
        if self.is_adam:
            loops.adam(&self.rule, g, self.first_at + at, self.second_at + at, p, n)
        else:
            loops.sgd(&self.rule, g, self.first_at + at, p, n)

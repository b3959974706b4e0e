# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Adam and SGD with decoupled weight decay, on flat parameter vectors."""
import numpy as np

from sklearn_heads._core.batch import aligned

from libc.math cimport pow, sqrt

from sklearn_heads._core.batch cimport address


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
    weight_decay : float
        Decoupled: each step multiplies weights, not biases, by 1 - learning_rate * weight_decay.
    """
    def __init__(
        self, kind, size, dtype, learning_rate, *, weight_decay=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8,
        momentum=0.9, nesterov=True,
    ):
        self.kind, self.is_adam = kind, kind == "adam"
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.rule.beta_1, self.rule.beta_2, self.rule.epsilon = beta_1, beta_2, epsilon
        self.rule.momentum, self.rule.nesterov = momentum, nesterov
        self.hold(np.zeros(size, dtype=dtype), np.zeros(size if self.is_adam else 0, dtype=dtype), 0)

    def hold(self, first, second, n_steps):
        """Copy these moments and this number of steps: the state."""
        self.first, self.second, self.n_steps = first, second, n_steps = aligned(first), aligned(second), n_steps
        self.size, self.itemsize = first.size, first.itemsize
        self.first_at, self.second_at = <char*> address(first), <char*> address(second)

    def __reduce__(self):
        rule = self.rule
        options = {
            "weight_decay": self.weight_decay, "beta_1": rule.beta_1, "beta_2": rule.beta_2, "epsilon": rule.epsilon,
            "momentum": rule.momentum, "nesterov": bool(rule.nesterov),
        }
        return _rebuilt, (self.kind, self.learning_rate, options, self.first, self.second, self.n_steps)

    def copy(self):
        """An independent copy."""
        build, (kind, learning_rate, options, first, second, n_steps) = self.__reduce__()
        return build(kind, learning_rate, options, first, second, n_steps)

    cdef void step(self, const Loops* loops, const char* g, char* p, Py_ssize_t n_weights, double l2) noexcept nogil:
        """One step on all parameters p by their gradient g; l2 and decay touch the weights only, which come first."""
        cdef StepRule rule = self.rule
        cdef Py_ssize_t biases = n_weights * self.itemsize
        self.n_steps += 1
        rule.learning_rate = self.learning_rate
        rule.l2, rule.shrink = l2, 1 - self.learning_rate * self.weight_decay
        if self.is_adam:
            rule.learning_rate *= sqrt(1 - pow(rule.beta_2, self.n_steps)) / (1 - pow(rule.beta_1, self.n_steps))
            loops.adam(&rule, g, self.first_at, self.second_at, p, n_weights)
        else:
            loops.sgd(&rule, g, self.first_at, p, n_weights)
        rule.l2, rule.shrink = 0, 1
        if self.is_adam:
            loops.adam(&rule, g + biases, self.first_at + biases, self.second_at + biases, p + biases,
                       self.size - n_weights)
        else:
            loops.sgd(&rule, g + biases, self.first_at + biases, p + biases, self.size - n_weights)


def _rebuilt(kind, learning_rate, options, first, second, n_steps):
    """An Optimizer with this state: what a pickle calls."""
    optimizer = Optimizer(kind, 0, first.dtype, learning_rate, **options)
    optimizer.hold(first, second, n_steps)
    return optimizer

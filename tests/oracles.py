"""What is true, computed in other ways than the package computes it.

Three oracles: a relative error that understands zero, infinities, NaN and subnormal numbers; the losses in mpmath, in
formulas without cancellation; and the whole network in plain NumPy, written for reading, not for speed.
"""
import mpmath
import numpy as np
from scipy.special import erf, expit, log_softmax

mpmath.mp.dps = 40


def relative_error(got, truth):
    """Largest |got - truth| / |truth| over all elements; `truth` may hold floats or mpmath numbers.

    Equal infinities, and NaN where NaN is meant, are no error; any other infinity or NaN is an infinite one. Below the
    smallest normal number digits are lost whoever computes, so there the error is measured against that number: one unit
    in the last place of a subnormal counts as one eps, and a subnormal flushed to zero as a large error.
    """
    got, truth = np.asarray(got), np.asarray(truth)
    assert got.shape == truth.shape, (got.shape, truth.shape)
    tiny = mpmath.mpf(float(np.finfo(got.dtype).tiny))
    largest = mpmath.mpf(float(np.finfo(got.dtype).max))
    return max((float(_one_error(float(g), t, tiny, largest)) for g, t in zip(got.flat, truth.flat)), default=0.0)


def _one_error(got, truth, tiny, largest):
    truth = mpmath.mpf(truth)
    if mpmath.isnan(truth):
        return 0.0 if np.isnan(got) else np.inf
    if np.isnan(got):
        return np.inf
    if np.isinf(got) or mpmath.isinf(truth):
        overflows = abs(truth) > largest  # what cannot be represented is infinite, rightly
        return 0.0 if np.isinf(got) and overflows and (got > 0) == (truth > 0) else np.inf
    return abs(mpmath.mpf(got) - truth) / max(abs(truth), tiny)


# ---- losses in mpmath: logits are exact floats, every sum has terms of one sign ---------------------------------------


def _array(values, shape):
    out = np.empty(shape, dtype=object)
    out.flat = values
    return out


def _softplus(x):
    """log(1 + exp(x))."""
    return x + mpmath.log1p(mpmath.exp(-x)) if x > 0 else mpmath.log1p(mpmath.exp(x))


def _sigmoid(x):
    return 1 / (1 + mpmath.exp(-x)) if x > 0 else mpmath.exp(x) / (1 + mpmath.exp(x))


def true_sigmoid(logits):
    """Probabilities, an array of mpmath numbers."""
    return _array([_sigmoid(mpmath.mpf(float(z))) for z in logits.flat], logits.shape)


def true_log_sigmoid(logits):
    """Their logarithms."""
    return _array([-_softplus(-mpmath.mpf(float(z))) for z in logits.flat], logits.shape)


def true_pooled_log_odds(log_odds):
    """Of the mean probability of each column."""
    columns = [[mpmath.mpf(float(z)) for z in column] for column in log_odds.T]
    pooled = [mpmath.log(sum(map(_sigmoid, c))) - mpmath.log(sum(_sigmoid(-z) for z in c)) for c in columns]
    return _array(pooled, (len(pooled),))


def true_binary(logits, targets):
    """Loss and gradient of 0/1 targets, element by element."""
    loss, gradient = [], []
    for z, t in zip(logits.flat, targets.flat):
        z = mpmath.mpf(float(z))
        loss.append(_softplus(-z) if t else _softplus(z))
        gradient.append(-_sigmoid(-z) if t else _sigmoid(z))
    return _array(loss, logits.shape), _array(gradient, logits.shape)


def _exponentials(row):
    """exp of every logit: the exponents of mpmath have no end, so none becomes zero or infinite."""
    return [mpmath.exp(mpmath.mpf(float(z))) for z in row]


def _but(values, j):
    """The sum of all but the jth."""
    return mpmath.fsum(value for i, value in enumerate(values) if i != j)


def true_log_softmax(logits):
    """log p of every entry of (n, K) logits: minus the log1p of what the others weigh against it."""
    out = np.empty(logits.shape, dtype=object)
    for row, z in zip(out, logits):
        e = _exponentials(z)
        row[:] = [-mpmath.log1p(_but(e, j) / a) for j, a in enumerate(e)]
    return out


def true_softmax(logits):
    """Probabilities of every entry of (n, K) logits."""
    out = np.empty(logits.shape, dtype=object)
    for row, z in zip(out, logits):
        e = _exponentials(z)
        total = mpmath.fsum(e)
        row[:] = [a / total for a in e]
    return out


def true_cross_entropy(logits, ids):
    """Loss (n,) and gradient (n, K) for class ids."""
    loss, gradient = [], np.empty(logits.shape, dtype=object)
    for row, z, true in zip(gradient, logits, ids):
        e = _exponentials(z)
        total, others = mpmath.fsum(e), _but(e, true)
        loss.append(mpmath.log1p(others / e[true]))
        row[:] = [a / total for a in e]
        row[true] = -others / total
    return _array(loss, (len(ids),)), gradient


# ---- the network in NumPy ---------------------------------------------------------------------------------------------

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

# activation: (value, slope)
ACTIVATIONS = {
    "identity": (lambda x: x, np.ones_like),
    "logistic": (expit, lambda x: expit(x) * (1 - expit(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "gelu": (
        lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
        lambda x: (1 + erf(x / np.sqrt(2))) / 2 + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "silu": (lambda x: x * expit(x), lambda x: expit(x) * (1 + x * (1 - expit(x)))),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0))),
    ),
}


class NumpyNetwork:
    """Dense layers with a logistic or softmax loss: the same mathematics as the core's Network, in a few lines.

    coefs, intercepts : lists of ndarrays (fan_in, fan_out) and (fan_out,), changed in place by `step`.
    """

    def __init__(self, coefs, intercepts, activation, loss):
        self.coefs = [np.array(W, dtype=np.float64) for W in coefs]
        self.intercepts = [np.array(b, dtype=np.float64) for b in intercepts]
        self.activation, self.loss = activation, loss

    def logits(self, X):
        """(n, k)"""
        return self._layers(X)[0][-1]

    def _layers(self, X):
        value, slope = ACTIVATIONS[self.activation]
        outputs, slopes = [np.asarray(X, dtype=np.float64)], [None]
        for nth, (W, b) in enumerate(zip(self.coefs, self.intercepts)):
            z = outputs[-1] @ W + b
            is_last = nth == len(self.coefs) - 1
            outputs.append(z if is_last else value(z))
            slopes.append(None if is_last else slope(z))
        return outputs, slopes

    def loss_and_gradient(self, X, targets, weights=None, label_weights=None, smoothing=0.0):
        """Mean over rows of weight times loss, and its gradient as (coefs, intercepts).

        targets : (n, k) of 0 and 1; weights : (n,); label_weights : (2, k) of absent and of present labels.
        """
        n, k = targets.shape
        outputs, slopes = self._layers(X)
        z = outputs[-1]
        spread = k if self.loss == "softmax" else 2
        soft = targets * (1 - smoothing) + smoothing / spread
        if self.loss == "softmax":
            losses = -soft * log_softmax(z, axis=1)
            delta = np.exp(log_softmax(z, axis=1)) * soft.sum(axis=1, keepdims=True) - soft
        else:
            losses = soft * np.logaddexp(0, -z) + (1 - soft) * np.logaddexp(0, z)
            delta = expit(z) - soft
        factor = np.ones((n, k)) if weights is None else np.repeat(np.asarray(weights, dtype=float)[:, None], k, axis=1)
        if label_weights is not None:
            factor = factor * np.where(targets == 1, label_weights[1], label_weights[0])
        delta = delta * factor / n
        coefs, intercepts = [], []
        for nth in reversed(range(len(self.coefs))):
            coefs.insert(0, outputs[nth].T @ delta)
            intercepts.insert(0, delta.sum(axis=0))
            if nth:
                delta = (delta @ self.coefs[nth].T) * slopes[nth]
        return (losses * factor).sum() / n, coefs, intercepts

    def epoch(self, rule, X, targets, weights, order, batch_size, l2=0.0, smoothing=0.0):
        """One pass in batches, each followed by a step of `rule`; the mean loss, L2 term included."""
        total = 0.0
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            picked = None if weights is None else weights[batch]
            loss, coefs, intercepts = self.loss_and_gradient(X[batch], targets[batch], picked, smoothing=smoothing)
            loss += l2 / 2 / len(batch) * sum((W**2).sum() for W in self.coefs)
            coefs = [g + l2 / len(batch) * W for g, W in zip(coefs, self.coefs)]
            rule.step(self, coefs, intercepts)
            total += loss * len(batch)
        return total / len(order)


class Rule:
    """An optimiser over a NumpyNetwork: the update of one step from the gradients so far, then decoupled decay of weights."""

    def __init__(self, learning_rate, weight_decay=0.0):
        self.learning_rate, self.weight_decay, self.n_steps, self.state = learning_rate, weight_decay, 0, {}

    def step(self, network, coefs, intercepts):
        self.n_steps += 1
        decay = 1 - self.learning_rate * self.weight_decay
        for nth, (W, b) in enumerate(zip(network.coefs, network.intercepts)):
            W *= decay
            W += self.update(("W", nth), coefs[nth])
            b += self.update(("b", nth), intercepts[nth])


class Adam(Rule):
    """Kingma & Ba 2015, in the form with the correction in the learning rate, as in MLPClassifier."""

    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8

    def update(self, key, g):
        m, v = self.state.get(key, (0.0, 0.0))
        m, v = self.beta_1 * m + (1 - self.beta_1) * g, self.beta_2 * v + (1 - self.beta_2) * g**2
        self.state[key] = m, v
        rate = self.learning_rate * np.sqrt(1 - self.beta_2**self.n_steps) / (1 - self.beta_1**self.n_steps)
        return -rate * m / (np.sqrt(v) + self.epsilon)


class SGD(Rule):
    """Momentum, in Nesterov's form or the plain one, as in MLPClassifier."""

    def __init__(self, learning_rate, momentum=0.9, nesterov=True, weight_decay=0.0):
        super().__init__(learning_rate, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, key, g):
        v = self.momentum * self.state.get(key, 0.0) - self.learning_rate * g
        self.state[key] = v
        return self.momentum * v - self.learning_rate * g if self.nesterov else v

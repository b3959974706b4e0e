"""What happens between epochs: initial weights, shuffling, learning rate, validation, stopping, history.

A Member is one network and its training. The order in which random numbers are drawn (weights and biases layer by layer,
then the split, then a permutation per epoch) is MLPClassifier's, so that equal settings give equal curves.
"""
from __future__ import annotations

from contextlib import nullcontext
from copy import copy, deepcopy
from functools import partial
from typing import NamedTuple

import numpy as np

from sklearn_heads._core.epochs import Epochs
from sklearn_heads._core.network import Network
from sklearn_heads._core.optimizer import Optimizer
from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks
from sklearn_heads._mlp.lbfgs import train_lbfgs
from sklearn_heads._mlp.stopping import Watch, check_loss
from sklearn_heads._mlp.threads import helped
from sklearn_heads._sklearn.callbacks import say

# Multiplications and additions of a batch, some 200 microseconds of one core: below, threads wait for each other too often.
WORTH_SHARING = 2e7
# Initial weights are smaller where the network has more inputs than this.
MANY_INPUTS = 256
# Epochs that run without a look at what they brought, at most. Interrupts are noticed all the same.
LONG_STRETCH = 100


class Settings(NamedTuple):
    """The constructor parameters that training reads, under their public names."""

    dtype: str | type
    solver: str
    alpha: float
    batch_size: int
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    tol: float
    verbose: bool | int
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    early_stopping: bool
    label_smoothing: float
    dropout: float
    weight_decay: float
    # What training adds to the mean loss of n rows is l2 / (2 n) |W|^2: alpha, divided by the mean of the user's weights.
    l2: float = 0.0

    @classmethod
    def of(cls, parameters, l2):
        """Those of a dict of parameters, none of them "auto". A patience of None never ends."""
        settings = cls(*(parameters[name] for name in cls._fields if name != "l2"), l2=l2)
        return settings._replace(n_iter_no_change=np.inf) if settings.n_iter_no_change is None else settings


class Examples(NamedTuple):
    """Rows with targets, and which of them to use.

    rows : the core's Rows; order : indices (n,) of intp; weights : ndarray, one for each of all rows, mean one, or None.
    """

    rows: object
    order: np.ndarray
    weights: np.ndarray | None

    def take(self, indices):
        """Only these of them."""
        return Examples(self.rows, self.order[indices], self.weights)

    @property
    def weight(self):
        """Sum of their weights."""
        return float(len(self.order) if self.weights is None else self.weights[self.order].sum(dtype=np.float64))


def initial_network(layer_units, activation, kernel, dtype, weight_init, output_biases, random, draws=(slice(None),)):
    """A network with random weights.

    "glorot_uniform" draws as MLPClassifier does: U(-b, b) for weights and biases, b = sqrt(6 / (fan_in + fan_out)), with 2 in
    place of 6 for logistic units (Glorot & Bengio 2010). "he_normal" draws N(0, 2 / fan_in) in hidden layers (He et al. 2015) and
    N(0, 1 / fan_in) in the output layer, with biases 0, in the output layer `output_biases`: training starts from the class
    frequencies instead of spending its first epochs on them. The weights of the first layer are drawn in the order of `draws`,
    slices of its inputs; beyond MANY_INPUTS they are smaller, by MANY_INPUTS / fan_in. With words or pixels, rows are few beside
    the inputs, and training leaves alone what of the weights is orthogonal to all rows: in new rows, that is noise.
    """
    network = Network(layer_units, activation, kernel, dtype)
    last = len(network.coefs) - 1
    for layer, (W, b) in enumerate(zip(network.coefs, network.intercepts)):
        fan_in, fan_out = W.shape
        if weight_init == "glorot_uniform":
            bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
            draw = partial(random.uniform, -bound, bound)
        else:
            smaller = min(1.0, MANY_INPUTS / max(1, fan_in)) if layer == 0 else 1.0
            draw = partial(random.normal, 0, smaller * np.sqrt((1.0 if layer == last else 2.0) / max(1, fan_in)))
        for part in (draws if layer == 0 else (slice(None),)):
            for some in blocks(len(W[part]), BLOCK_VALUES // fan_out):  # no second copy of large weights, in double
                W[part][some] = draw(W[part][some].shape)
        if weight_init == "glorot_uniform":
            b[...] = draw(fan_out)
        else:
            b[...] = output_biases if layer == last else 0
    return network


class Member:
    """One network, its encoding of X and the history of its training.

    Attributes
    ----------
    coefs_, intercepts_ : lists of ndarrays
        Weights (fan_in, fan_out) and biases (fan_out,) per layer, for X as the user has it.
    n_iter_ : int
        Epochs (L-BFGS: iterations) of the last fit, and the passes of `partial_fit` since.
    best_iter_ : int
        The epoch, counted from 1 in `loss_curve_`, whose weights were kept.
    loss_ : float
        Training loss of the last epoch.
    loss_curve_, validation_loss_curve_ : lists of float
        One value per epoch; the second is empty without validation rows.
    t_ : int
        Rows seen in training.
    """

    def __init__(self, network, encoding, random):
        self.network, self.encoding, self.random = network, encoding, random
        self.optimizer = self.rates = None
        self.validated = None  # in training, the network whose loss is validated: perhaps one of averaged weights
        self.n_iter_ = self.best_iter_ = self.t_ = 0
        self.loss_ = np.inf
        self.loss_curve_, self.validation_loss_curve_ = [], []

    def words(self):
        """What it is, in a verbose line."""
        bins = f" ({self.encoding.bins.words()})" if self.encoding.ramps_ else ""
        hidden = ", ".join(map(str, self.network.layer_units[1:-1]))
        return f"{self.encoding.width} inputs{bins}, hidden units {hidden or 'none'}"

    def __repr__(self):
        return f"Member({'-'.join(map(str, self.network.layer_units))}, {self.network.activation})"

    def copy(self):
        """An independent copy to train further, so that a failure leaves this one as it was."""
        twin = copy(self)
        twin.network, twin.random = (self.validated or self.network).astype(self.network.dtype), deepcopy(self.random)
        twin.validated = None
        twin.optimizer = self.optimizer and self.optimizer.copy()
        twin.loss_curve_, twin.validation_loss_curve_ = list(self.loss_curve_), list(self.validation_loss_curve_)
        return twin

    def learn_at(self, rates):
        """The weights of each input learn at the base rate times this (width,), and begin as much smaller."""
        self.rates, W = rates, self.network.coefs[0]
        W *= rates[:, None].astype(W.dtype)

    def hold(self, logits):
        """Make the outputs whose logit is not NaN the same for every row. 0, of a label that is never known, means the bias."""
        W, b = self.network.coefs[-1], self.network.intercepts[-1]
        held = ~np.isnan(logits)
        W[:, held] = 0
        b[held] = np.where(logits == 0, b, logits)[held]

    def add_outputs(self, places, biases):
        """More outputs, which are at first the same for every row: those of now go to `places` among them."""
        old = self.network
        new = Network((*old.layer_units[:-1], len(biases)), old.activation, old.kernel, old.dtype)
        for now, before in zip([*new.coefs[:-1], *new.intercepts[:-1]], [*old.coefs[:-1], *old.intercepts[:-1]]):
            now[...] = before
        new.coefs[-1][:, places] = old.coefs[-1]
        new.intercepts[-1][...] = biases
        new.intercepts[-1][places] = old.intercepts[-1]
        self.network, self.optimizer = new, None

    @property
    def coefs_(self):
        return self.encoding.fold(self.network.coefs, self.network.intercepts)[0]

    @coefs_.setter
    def coefs_(self, coefs):
        self._assign(_checked("coefs_", coefs, self.network.coefs), self.intercepts_)

    @property
    def intercepts_(self):
        return self.encoding.fold(self.network.coefs, self.network.intercepts)[1]

    @intercepts_.setter
    def intercepts_(self, intercepts):
        self._assign(self.coefs_, _checked("intercepts_", intercepts, self.network.intercepts))

    def _assign(self, coefs, intercepts):
        coefs, intercepts = self.encoding.unfold(coefs, intercepts)
        for own, given in zip([*self.network.coefs, *self.network.intercepts], [*coefs, *intercepts]):
            own[...] = given

    # ---- training ----------------------------------------------------------------------------------------------

    def train(self, settings, examples, validation, stop, name, steps, spare):
        """Train until a stopping rule holds, then go back to the best epoch if there are validation rows.

        Parameters
        ----------
        settings : Settings
        examples : Examples
        validation : Examples or None
        stop : threading.Event
            Ends training where it is; set here when Ctrl-C arrives.
        name : str
            Starts each verbose line.
        steps : Steps or Nobody
            Told of each epoch, or iteration, as it begins and ends; says whether a callback wants it to be the last.
        spare : Spare
            Threads that may share the batches of a large network.

        Returns
        -------
        str or None
            What a warning should say of training that had not converged.
        """
        try:
            if settings.solver == "lbfgs":
                complaint = train_lbfgs(self, settings, examples, stop, name, steps)
            else:
                complaint = self._train_epochs(settings, examples, validation, stop, name, steps, spare)
        finally:
            self.optimizer = self.validated = None
        self.check_finite()
        return complaint

    def check_finite(self):
        if not np.isfinite(self.network.parameters).all():
            raise ValueError("training ended with weights that are not finite: lower learning_rate_init, or scale X.")

    def _train_epochs(self, settings, examples, validation, stop, name, steps, spare):
        self.optimizer = new_optimizer(settings, self.network, self.rates)
        runner = EpochRunner(settings, self, examples, validation, spare.n_threads)
        watch = Watch(settings, self, runner.epochs, validation is not None, name)
        self.n_iter_, self.validated, complaint = 0, runner.epochs.validated, None
        try:
            while self.n_iter_ < settings.max_iter:
                steps.begin()
                one_by_one = steps.listens or settings.verbose > 1 or settings.learning_rate == "invscaling"
                most = 1 if one_by_one else min(LONG_STRETCH, watch.patience_left, settings.max_iter - self.n_iter_)
                stops = False
                try:
                    shares = runner.epochs.n_threads > 1
                    with spare.lent() if shares else nullcontext(0) as n_helpers, helped(runner.epochs, n_helpers):
                        runner.run(most, stop)
                finally:  # interrupted, there may be epochs before
                    for losses in runner.news():
                        self.n_iter_ += 1
                        stops = watch.says_stop(*losses)
                if steps.end() or stops:
                    break
            else:
                if validation is None and not settings.early_stopping:
                    complaint = (
                        f"stopped at max_iter={settings.max_iter} epochs, before the training loss settled. Raise max_iter, "
                        "or learning_rate_init, or tol."
                    )
        except KeyboardInterrupt:
            stop.set()
        watch.finish()
        return complaint

    def train_once(self, settings, examples, name):
        """One pass over the rows, the optimiser's state kept for the next: partial_fit."""
        self.optimizer = self.optimizer or new_optimizer(settings, self.network, self.rates)
        self.optimizer.l2 = settings.l2  # the mean of the weights is another in each call
        runner = EpochRunner(settings, self, examples, None)
        runner.run(1)
        [(loss, _)] = runner.news()
        self.n_iter_ += 1
        self.best_iter_ = len(self.loss_curve_) + 1
        check_loss(loss, self.best_iter_, settings, self.encoding)
        self.loss_ = loss
        self.loss_curve_.append(loss)
        self.check_finite()
        if settings.verbose:
            say(f"{name}epoch {self.best_iter_:4d}   loss {loss:.5f}")


def _checked(name, arrays, like):
    """Arrays of the shapes of these, and finite."""
    arrays = [np.asarray(array, dtype=np.float64) for array in arrays]
    shapes, wanted = [array.shape for array in arrays], [array.shape for array in like]
    if shapes != wanted:
        raise ValueError(f"{name} of this network have the shapes {wanted}, one per layer; got {shapes}.")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"{name} must be finite.")
    return arrays


def new_optimizer(settings, network, rates=None):
    s = settings
    if rates is not None and s.solver == "sgd":
        rates = rates**2
    return Optimizer(
        s.solver, network.parameters.size, network.dtype, s.learning_rate_init, l2=s.l2,
        weight_decay=s.weight_decay, beta_1=s.beta_1, beta_2=s.beta_2, epsilon=s.epsilon,
        momentum=s.momentum, nesterov=s.nesterovs_momentum, row_rates=rates, row_size=network.layer_units[1],
    )


class EpochRunner:
    """Runs a member's epochs over the same rows, some in one stretch."""

    def __init__(self, settings, member, examples, validation, n_threads=1):
        self.settings, self.member, self.n_rows, self.n_told = settings, member, len(examples.order), 0
        batch_rows = min(settings.batch_size, self.n_rows)
        pays = 6 * member.network.n_weights * batch_rows >= WORTH_SHARING
        # The noise of large steps, which "adaptive" lowers the rate for, leaves an average of the weights sooner.
        averaged = validation is not None and settings.solver == "adam" and settings.learning_rate == "adaptive"
        self.epochs = Epochs(
            member.network, member.optimizer, examples.rows, examples.order, batch_rows,
            validation=validation and (validation.rows, validation.order),
            validation_weight=validation.weight if validation else 0.0,
            dropout=settings.dropout, smoothing=settings.label_smoothing, averaged=averaged,
            n_threads=min(n_threads, 64) if pays else 1,
        )
        # Drawn only where it is used: without dropout the random stream is MLPClassifier's.
        self.seed = int(member.random.randint(2**31)) if settings.dropout else 0

    def run(self, n_epochs, stop=None):
        """So many epochs more."""
        random = self.member.random if self.settings.shuffle else None
        self.epochs.run(n_epochs, random=random, key=(self.seed << 32) + self.member.t_, stop=stop)

    def news(self):
        """The losses of the epochs since the last time; counts their rows, and sets the learning rate that follows from it."""
        settings, member, new = self.settings, self.member, self.epochs.history[self.n_told :]
        self.n_told += len(new)
        member.t_ += self.n_rows * len(new)
        if settings.solver == "sgd" and settings.learning_rate == "invscaling":
            member.optimizer.learning_rate = settings.learning_rate_init / (member.t_ + 1) ** settings.power_t
        return new

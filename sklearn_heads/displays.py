"""LossCurveDisplay: how the loss fell. It asks a fitted estimator for its curves and nothing else, so it imports no estimator."""
from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted


class LossCurveDisplay:
    """Training and validation loss of each epoch, the kept epoch marked; several estimators in one picture.

    A colour is an estimator; dashed is the training loss, solid the validation loss, and a dot the epoch whose weights were
    kept. An estimator of several networks has a thin line for each and a thick one for their mean, as far as all have trained.
    The training loss is the one minimised, with dropout and penalties in it, so it may lie above the validation loss.

    Parameters
    ----------
    curves : dict of str to list of tuple
        For each estimator ``(training, validation, best)`` of each of its networks: two sequences of a value an epoch, and the
        kept epoch, counted from 1; or None for the last two.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on.
    lines_ : dict of str to list of Line2D
        Those of each estimator.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn_heads import LossCurveDisplay, MLPBinary
    >>> clf = MLPBinary(random_state=0).fit(*load_breast_cancer(return_X_y=True))
    >>> LossCurveDisplay.from_estimator(clf).ax_.get_xlabel()
    'epoch'
    """

    def __init__(self, curves):
        self.curves = curves

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, name=None, training=True):
        """Draw the curves of fitted estimators.

        Parameters
        ----------
        estimator : fitted estimator, list of them, or dict of names to them
            Of this package, or another that has `loss_curve_`, such as MLPClassifier; also as the last step of a Pipeline, or
            refitted by a search or a threshold tuner.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        name : str or list of str, default=None
            A name each for the legend; None takes those of the classes.
        training : bool, default=True
            Whether to draw the training loss of networks that have a validation loss; the others' is always drawn.

        Returns
        -------
        LossCurveDisplay
        """
        if not isinstance(estimator, dict):
            several = list(estimator) if isinstance(estimator, list | tuple) else [estimator]
            names = [name] if isinstance(name, str) else name or default_names(several)
            if len(set(names)) != len(several):
                raise ValueError(f"name has to hold a different name for each of {len(several)} estimators, got {names}.")
            estimator = dict(zip(names, several))
        elif name is not None:
            raise ValueError("a dict of estimators has its own names: leave name out.")
        return cls({key: curves_of(value) for key, value in estimator.items()}).plot(ax=ax, training=training)

    @classmethod
    def from_curves(cls, training, validation=None, *, best=None, ax=None, name="network"):
        """Draw the curves of one network.

        Parameters
        ----------
        training, validation : array-likes of shape (n_epochs,)
            `validation` may be None.
        best : int, default=None
            The kept epoch, counted from 1; None is that of the least validation loss.
        ax, name
            As in `from_estimator`.

        Returns
        -------
        LossCurveDisplay
        """
        if validation is not None and np.shape(training) != np.shape(validation):
            raise ValueError(f"training is {np.shape(training)}, validation {np.shape(validation)}: give a value an epoch each.")
        best = int(np.argmin(validation)) + 1 if best is None and validation is not None else best
        return cls({name: [(training, validation, best)]}).plot(ax=ax)

    def plot(self, *, ax=None, training=True):
        """Draw; the parameters are those of `from_estimator`."""
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("LossCurveDisplay needs matplotlib: pip install matplotlib") from error
        self.ax_ = ax = plt.subplots()[1] if ax is None else ax
        self.figure_, self.lines_, legend = ax.figure, {}, {}
        for name, networks in self.curves.items():
            (head,) = ax.plot([], [], linewidth=2, label=name)  # takes the next colour, and stands in the legend
            colour, lines = head.get_color(), self.lines_.setdefault(name, [])
            losses, validation_losses, best = zip(*networks)
            all_validated = all(curve is not None for curve in validation_losses)
            if training or not all_validated:
                lines += draw(ax, losses, "--", colour)
                legend["training loss"] = {"linestyle": "--"}
            if all_validated:
                lines += draw(ax, validation_losses, "-", colour)
                height = [curve[epoch - 1] for epoch, curve in zip(best, validation_losses)]
                lines += ax.plot(best, height, "o", color=colour, markeredgecolor="white")
                legend |= {"validation loss": {}, "epoch kept": {"marker": "o", "linestyle": "", "markeredgecolor": "white"}}
        for label, look in legend.items():
            ax.plot([], [], color="0.4", label=label, **look)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        return self


def draw(ax, curves, style, colour):
    """One line; or thin lines, and a thick one for their mean over the epochs that all have."""
    epochs = np.arange(1, max(map(len, curves)) + 1)
    if len(curves) == 1:
        return ax.plot(epochs, curves[0], style, color=colour, linewidth=2)
    shared = min(map(len, curves))
    mean = np.mean([curve[:shared] for curve in curves], axis=0)
    thin = [ax.plot(epochs[: len(curve)], curve, style, color=colour, linewidth=0.6, alpha=0.6)[0] for curve in curves]
    return thin + ax.plot(epochs[:shared], mean, style, color=colour, linewidth=2)


def curves_of(estimator):
    """(training, validation, best) of each network inside a fitted estimator."""
    for name in ("best_estimator_", "estimator_", "steps"):
        if hasattr(estimator, name):
            return curves_of(estimator[-1] if name == "steps" else getattr(estimator, name))
    check_is_fitted(estimator)
    networks = getattr(estimator, "members_", [estimator])
    if not all(hasattr(network, "loss_curve_") for network in networks):
        raise TypeError(f"{type(estimator).__name__} has no loss_curve_, nor has what it holds: give a fitted MLP classifier.")
    # After fits with validation rows and passes without, it is unknown to which epochs the validation losses belong.
    if any(len(getattr(net, "validation_loss_curve_", ())) != len(net.loss_curve_) for net in networks):
        return [(net.loss_curve_, None, None) for net in networks]
    return [(net.loss_curve_, net.validation_loss_curve_, net.best_iter_) for net in networks]


def default_names(estimators):
    """The names of their classes, numbered where one occurs twice."""
    names = [type(estimator).__name__ for estimator in estimators]
    return [f"{name} {k}" if names.count(name) > 1 else name for k, name in enumerate(names, 1)]

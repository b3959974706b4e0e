"""Whether to stop: the losses of each epoch, patience, divergence."""
from __future__ import annotations

import time

import numpy as np

from sklearn_heads._sklearn.callbacks import say

# learning_rate="adaptive" with "adam": what lowering the rate must have left of the validation loss to be tried once more.
WORTH_LOWERING = 0.99


class Watch:
    """Looks at the losses of each epoch: history, whether to stop, the lines a person reads."""

    def __init__(self, settings, member, epochs, has_validation, name):
        self.settings, self.member, self.epochs, self.has_validation, self.name = settings, member, epochs, has_validation, name
        self.best, self.patience, self.patience_used = np.inf, settings.n_iter_no_change, 0
        self.best_before = np.inf  # when the learning rate was lowered last
        self.start = time.perf_counter()

    @property
    def patience_left(self):
        """Epochs after which it may say stop, at the soonest."""
        return self.patience - self.patience_used + 1

    def says_stop(self, loss, validation_loss):
        settings, member = self.settings, self.member
        member.loss_ = loss
        member.loss_curve_.append(loss)
        epoch = len(member.loss_curve_)
        check_loss(loss, epoch, settings, member.encoding)
        if self.has_validation:
            member.validation_loss_curve_.append(validation_loss)
            check_loss(validation_loss, epoch, settings, member.encoding)
        decides = validation_loss if self.has_validation else loss
        is_best = decides < self.best
        # tol is for the training loss, which goes on falling for ever; on validation rows any new best is progress.
        progress = is_best if self.has_validation else decides <= self.best - settings.tol
        self.patience_used = 0 if progress else self.patience_used + 1
        if is_best:
            self.best = decides
        if is_best or not self.has_validation:
            member.best_iter_ = epoch
        self.report(epoch, loss, validation_loss, is_best)
        return self.patience_used > self.patience and not self.lowered_learning_rate()

    def lowered_learning_rate(self):
        """learning_rate="adaptive": out of patience, go on at a lower rate.

        "sgd" goes on at a fifth, down to 1e-6, as in MLPClassifier. "adam" goes back to the best weights, which takes validation
        rows, and on at a tenth with half the patience, for as long as that lowers the loss by more than a hundredth.
        """
        settings, optimizer = self.settings, self.member.optimizer
        if settings.learning_rate != "adaptive" or optimizer.learning_rate <= 1e-6:
            return False
        if settings.solver == "adam":
            if not self.has_validation or self.best > WORTH_LOWERING * self.best_before:
                return False
            self.best_before, self.patience = self.best, settings.n_iter_no_change // 2
            self.member.network.parameters[:] = self.epochs.best_parameters
            self.epochs.restart_average()
        optimizer.learning_rate /= 10 if settings.solver == "adam" else 5
        if settings.verbose > 1:
            say(f"{self.name}no progress for {self.patience_used} epochs: learning rate {optimizer.learning_rate:.3g}")
        self.patience_used = 0
        return True

    def report(self, epoch, loss, validation_loss, is_best):
        if self.settings.verbose > 1:
            validation = f"   validation {validation_loss:.5f}{' *' if is_best else '  '}" if self.has_validation else ""
            say(f"{self.name}epoch {epoch:4d}   loss {loss:.5f}{validation}   {time.perf_counter() - self.start:7.2f} s")

    def finish(self):
        """Back to the best epoch, where there are validation rows, and a line on what came of it all."""
        member = self.member
        if self.has_validation and self.best < np.inf:
            member.network.parameters[:] = self.epochs.best_parameters
        if self.settings.verbose:
            kept = f"kept the weights of epoch {member.best_iter_}, validation {self.best:.5f}"
            came = kept if self.has_validation else f"loss {member.loss_:.5f}"
            say(f"{self.name}{member.words()}: {member.n_iter_} epochs, {came}, {time.perf_counter() - self.start:.2f} s")


def check_loss(loss, epoch, settings, encoding):
    """Diverging is an error, at the epoch where it shows."""
    if not np.isfinite(loss):
        scaling = "" if encoding.kind else ", or let input_encoding='standard' scale X (it is None now)"
        lbfgs = settings.solver == "lbfgs"
        fix = f"Raise alpha (now {settings.alpha})" if lbfgs else f"Lower learning_rate_init (now {settings.learning_rate_init})"
        raise ValueError(f"training diverged: the loss is {loss} at epoch {epoch}. {fix}{scaling}.")

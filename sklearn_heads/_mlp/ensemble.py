"""The networks of one fit: made to a recipe, trained each on its part of the rows, the better kept where some compete.

With several members the rows are cut into folds; each member trains on the others' folds and stops by the log loss of its own,
which it never sees. So no row is wasted on validation, and every row has a probability by a network that did not train on it.

Where a recipe names several kinds of bins, they race: a network is trained with each, on the rows of the first member, and the
least validation loss wins. With few rows all are trained to their end, and the winner is the first member. With many that would
cost too much: there the race is a trial of a few epochs, and all members begin anew with the winner's kind.
"""
from __future__ import annotations

import numpy as np

from sklearn_heads._mlp.encoding import InputEncoding
from sklearn_heads._mlp.members import folds, spawn, train, validation_split
from sklearn_heads._mlp.relevance import Relevance
from sklearn_heads._mlp.training import Examples, Member, initial_network
from sklearn_heads._sklearn.random import random_stream

# A trial ends long before training does, so the first kind keeps its place unless the loss of another is less than this share of
# its own. A lead of a few per cent is noise at that point.
CLEAR_LEAD = 0.95


class Ensemble:
    """The networks of one fit.

    Parameters
    ----------
    estimator : MLPBase
        Whose parameters say what the recipe does not.
    head : the head
    recipe : Recipe
    data, targets : Lessons, Targets
        The rows.
    validation : tuple (X, targets with weights of mean one), or None
        The user's validation rows.
    old : list of Member, or None
        Networks to train further, in place of new ones.
    """

    def __init__(self, estimator, head, recipe, data, targets, validation, old=None):
        self.estimator, self.head, self.recipe, self.X = estimator, head, recipe, data.X
        self.weights, self.targets = targets.for_statistics(data.weights), targets.divided_by(targets.mean_weight)
        self.validation, self.old = validation, old
        self.splits, one = recipe.parameters["early_stopping"], recipe.parameters["n_members"] == 1
        self.encoding = None if old else InputEncoding(estimator.input_encoding, bins=None).fit(self.X, self.weights)
        can_race = not (old or one) and self.encoding.takes_bins and (self.splits or validation is not None)
        self.kinds = recipe.bins if can_race else recipe.bins[:1]
        self.random = random_stream(estimator.random_state)
        n_racers = len(self.kinds) if len(self.kinds) > 1 else 0
        n_thrown_away = n_racers if recipe.trial else max(0, n_racers - 1)
        self.streams = [self.random] if one else spawn(self.random, recipe.parameters["n_members"] + n_thrown_away)
        self.strata = head.strata(targets.encoded)
        self.fold = None if one else folds(self.strata, recipe.n_folds, self.random)
        self._encodings, self._examples = {}, {}
        learns_by_steps = not old and recipe.parameters["solver"] != "lbfgs"
        self.relevance = Relevance.of(self.encoding, self.X, head, self.targets, self.weights) if learns_by_steps else None

    @property
    def n_networks(self):
        """How many are trained, those that lose the race counted."""
        return len(self.streams)

    def train(self, settings, n_jobs, task):
        """The members, trained; after Ctrl-C some have an empty history, or there are fewer."""
        streams, n_members = iter(self.streams), self.recipe.parameters["n_members"]
        if self.old:
            for member, stream in zip(self.old, streams):
                member.optimizer, member.random = None, stream
            self._train(range(n_members), self.old, settings, n_jobs, task)
            return self.old
        if len(self.kinds) == 1:
            members = [self._new(m, self.kinds[0], stream) for m, stream in enumerate(streams)]
            self._train(range(n_members), members, settings, n_jobs, task)
            return members
        racers, trial = [self._new(0, kind, next(streams)) for kind in self.kinds], self.recipe.trial
        short = settings._replace(max_iter=min(trial, settings.max_iter)) if trial else settings
        all_ran = self._train([0] * len(racers), racers, short, n_jobs, task, "candidate")
        winner = winner_of(racers, CLEAR_LEAD if trial else 1)
        if not all_ran:
            return [winner]
        stays = [] if trial else [winner]
        numbers = range(len(stays), n_members)
        rest = [self._new(m, winner.encoding.bins, stream) for m, stream in zip(numbers, streams)]
        self._train(numbers, rest, settings, n_jobs, task, first=len(racers))
        return [*stays, *rest]

    def out_of_fold(self, members):
        """Public decision values of each row by the member that did not train on it; NaN where an interrupt left none."""
        decision = None
        for m, member in enumerate(members):
            own = np.flatnonzero(self.fold == m)
            values = self.head.decision(member.network.logits(self._examples_for(member).rows, own))
            if decision is None:
                decision = np.full((len(self.fold), *values.shape[1:]), np.nan, dtype=values.dtype)
            if member.n_iter_:
                decision[own] = values
        return decision

    # ---- pieces ------------------------------------------------------------------------------------------------------

    def _new(self, m, kind, stream):
        """Member m, untrained, with this kind of bins. Quantiles are shared; splits are those of its own training rows."""
        key = kind if kind.by == "quantiles" else (kind, m)
        if key not in self._encodings:
            rows = None if kind.by == "quantiles" or self.fold is None else np.flatnonzero(self.fold != m)
            self._encodings[key] = self.encoding.with_bins(kind, self.X, rows, self.weights, self.strata)
        return new_member(
            self.estimator, self.head, self.targets, self.recipe, m, self._encodings[key], stream)

    def _train(self, numbers, members, settings, n_jobs, task, called="network", first=0):
        """Train them as the members of these numbers; whether all went through. `first` numbers the tasks of callbacks."""
        pairs = [self._part(m, member) for m, member in zip(numbers, members)]
        counted = numbers if called == "network" else range(len(members))
        names = [f"{called} {m + 1}   " if self.fold is not None else "" for m in counted]
        return train(members, pairs, settings, n_jobs, task, first, names)

    def _examples_for(self, member):
        """All rows as the core reads them for this member; members of one encoding share them."""
        key = id(member.encoding)
        if key not in self._examples:
            self._examples[key] = examples(member, self.head, self.X, self.targets)
        return self._examples[key]

    def _part(self, m, member):
        """What member m trains on and validates on: a pair of Examples, or Examples and None."""
        rows = self._examples_for(member)
        given = None if self.validation is None else examples(member, self.head, *self.validation)
        kept_aside = self.splits and given is None
        if self.fold is not None:
            trained = rows.take(np.flatnonzero(self.fold != m))
            validation = rows.take(np.flatnonzero(self.fold == m)) if kept_aside else given
        elif kept_aside:
            fraction = self.estimator.validation_fraction
            trained, validation = validation_split(rows, self.head, self.targets.encoded, fraction, self.random)
        else:
            trained, validation = rows, given
        if self.relevance is not None:
            member.learn_at(self.relevance.factors(member.encoding, trained.order))
        return self._without_constants(trained, member), validation

    def _without_constants(self, trained, member):
        """These rows, in which labels that are constant among them do not train the member.

        Their log-odds would run off without end, and validation rows that have such a label would stop the training of all
        others. A new member predicts them as it has seen them; one that goes on keeps what it knows.
        """
        logits = self.head.constant_outputs(self.targets, trained.order)
        if logits is None:
            return trained
        if not self.old:
            member.hold(logits)
        return trained._replace(rows=examples(member, self.head, self.X, self.targets.only(np.isnan(logits))).rows)


def winner_of(racers, lead):
    """The one of least validation loss; where that is not less than `lead` times the loss of the first, the first."""
    losses = [min(racer.validation_loss_curve_, default=np.inf) for racer in racers]
    best = int(np.argmin(losses))
    return racers[best if losses[best] < lead * losses[0] else 0]


def new_member(estimator, head, targets, recipe, m, encoding, stream):
    """The m-th of a recipe, untrained."""
    units = [encoding.width, *recipe.hidden_units[m % len(recipe.hidden_units)], head.n_outputs]
    dtype, biases = recipe.parameters["dtype"], head.initial_biases(targets)
    network = initial_network(units, estimator.activation, head.kernel, dtype, estimator.weight_init, biases, stream,
                              encoding.draws)
    return Member(network, encoding, stream)


def examples(member, head, X, targets):
    """Rows as the core reads them, for this member and those that share its encoding. Weights should be of mean one."""
    arrays = targets.arrays(member.network.dtype) | head.kernel_targets(targets.encoded)
    rows = member.encoding.rows(X, member.network.dtype, **arrays)
    return Examples(rows, np.arange(X.shape[0], dtype=np.intp), targets.row_weights)

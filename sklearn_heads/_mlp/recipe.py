"""What "auto" means: from the number of rows, and from the parameters that the user did set, to every setting of a fit.

docs/defaults.md has the same table, and docs/recipe.md says how it was measured. What the number of rows cannot tell, which
kind of bins suits a data set, is left to a race (ensemble.py).
"""
from __future__ import annotations

from math import inf
from typing import NamedTuple

from sklearn_heads._mlp.bins import Bins
from sklearn_heads._mlp.training import Settings

FEW = Bins("quantiles", least=3, most=3, together=512)
STEPS = Bins("steps", least=1, most=8, together=256)
MANY = Bins("quantiles", least=2, most=16, together=1024)
MORE_SPLITS = Bins("splits", least=2, most=16, together=1024)


class Size(NamedTuple):
    """The settings for data of fewer rows than `below`.

    hidden_units : of the members in turn; bins : the kinds that race; trial : rows that the networks of the race are trained on
    before it is decided, repeated ones counted, None where they are trained to their end; n_folds : each of several members
    keeps one of so many parts of the rows for validation, None for as many as there are members. The others are constructor
    parameters.
    """

    below: float
    hidden_units: tuple
    bins: tuple
    n_folds: int | None
    n_members: int
    batch_size: int
    dropout: float
    weight_decay: float
    learning_rate: str
    n_iter_no_change: int
    max_iter: int
    trial: int | None = None


FEW_ROWS = 40  # below, one network on full batches without validation: see resolve
BOTH = ((128,), (128, 128))
ALONE = ((256,),)  # where a single network is asked for in place of those
SIZES = (
    Size(500, BOTH, (FEW,), None, 5, 64, 0.2, 0.1, "adaptive", 10, 150),
    Size(10_000, BOTH, (FEW, STEPS), None, 5, 64, 0.2, 0.1, "adaptive", 10, 150),
    Size(100_000, ((192, 192),), (MANY, MORE_SPLITS), 10, 2, 256, 0.1, 0.02, "adaptive", 3, 100, trial=70_000),
    Size(inf, ((256, 256),), (MANY,), 10, 1, 512, 0.1, 0.02, "adaptive", 3, 60),
)
# What a recipe may decide, in the order in which it is shown.
SHOWN = (
    "n_members", "hidden_layer_sizes", "batch_size", "learning_rate_init", "learning_rate", "dropout", "weight_decay",
    "n_iter_no_change", "max_iter", "early_stopping", "dtype",
)
# partial_fit cannot know how many rows will come: its networks are those of a few thousand.
STREAM = 5_000
# Members that give every row an out-of-fold probability, at least.
LEAST_FOLDS = 3


class Recipe(NamedTuple):
    """A fit, decided.

    parameters : dict
        Values of constructor parameters, none of them "auto".
    hidden_units : tuple of tuples
        Of the members in turn.
    bins : tuple of Bins
        The kinds that race.
    trial : int or None
        Epochs after which the race is decided, two or more; None where all are trained to their end.
    n_folds : int
        Of how many parts of the rows each of several members keeps one for validation.
    l2 : float
        In the mean loss, beside `alpha`.
    """

    parameters: dict
    hidden_units: tuple
    bins: tuple
    trial: int | None
    n_folds: int
    l2: float

    def shown(self):
        """What was decided, for who asks afterwards."""
        return {name: self.parameters[name] for name in SHOWN}

    def settings(self, l2, early_stopping):
        """For training, with `alpha` as this L2.

        early_stopping is the user's: where "auto" keeps no rows aside, running out of epochs is no reason for a warning.
        """
        settings = Settings.of(self.parameters | {"early_stopping": early_stopping}, l2 + self.l2)
        return settings._replace(weight_decay=0.0) if self.l2 else settings


def resolve(given, n_rows, whole_folds=False):
    """The recipe for these constructor parameters and so many rows.

    whole_folds : whether every row is to be a validation row of some member (`store_oof`).
    """
    auto = {name for name, value in given.items() if isinstance(value, str) and value == "auto"}
    n_members, lbfgs, l2 = given["n_members"], given["solver"] == "lbfgs", 0.0
    few = n_members == "auto" and n_rows < FEW_ROWS and not lbfgs
    size = SIZES[0] if few or lbfgs else next(size for size in SIZES if n_rows < size.below)
    if n_members == "auto":
        n_members = 1 if few or lbfgs else max(LEAST_FOLDS, size.n_members) if whole_folds else size.n_members
    if n_members > n_rows:
        raise ValueError(f"n_members={n_members} folds of {n_rows} rows: set n_members to at most the number of rows, or to 1.")
    chosen = {name: getattr(size, name) for name in auto & set(Size._fields)} | {"n_members": n_members}
    if "learning_rate" in auto and given["solver"] != "adam":
        chosen["learning_rate"] = "constant"
    if few or lbfgs:  # lbfgs uses no validation rows, and its line search needs float64
        chosen |= {"dtype": "float64", "early_stopping": False}
    if few:
        # float64 costs nothing here, and makes weights and repeated rows agree to the last digits shown. There are no validation
        # rows, so only decay keeps the network from overfitting. Decoupled decay would be too weak: with one step per epoch it
        # takes 4% off the weights in a whole fit. So the same number becomes L2 in the mean loss.
        chosen |= {name: value for name, value in {"batch_size": n_rows, "dropout": 0.0}.items() if name in auto}
        l2 = (given | chosen)["weight_decay"] * n_rows
    alone = n_members == 1 and not (few or lbfgs) and size.hidden_units is BOTH
    hidden_units = ALONE if alone else size.hidden_units if n_members > 1 else size.hidden_units[:1]
    if "hidden_layer_sizes" in auto:
        chosen["hidden_layer_sizes"] = hidden_units[0] if len(hidden_units) == 1 else hidden_units
    else:
        hidden_units = (tuple(given["hidden_layer_sizes"]),)
    if "learning_rate_init" in auto:
        chosen["learning_rate_init"] = learning_rate(hidden_units[0])
    trial = size.trial and max(2, -(-size.trial // n_rows))
    n_folds = n_members if size.n_folds is None or whole_folds else max(n_members, size.n_folds)
    return Recipe(given | chosen, hidden_units, size.bins, trial, n_folds, l2)


def learning_rate(hidden_units):
    """0.003 up to 192 units, then falling with the width of the widest layer: 0.0024 for 256, 0.0014 for 512.

    Adam moves each weight by about the rate per step, so a sum over more units moves further: wide layers take smaller steps.
    """
    return round(0.003 * (192 / max([192, *hidden_units])) ** 0.75, 4)

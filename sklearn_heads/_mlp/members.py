"""Members: how many networks a fit trains, which rows each trains on and validates on, and how they run beside each other.

With several members the rows are cut into as many folds; each member trains on the others' folds and stops by the log
loss of its own, which it never sees. So no row is wasted on validation, and every row has a probability by a network
that did not train on it.
"""
from __future__ import annotations

import threading

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from sklearn_heads._core.network import logits_of
from sklearn_heads._mlp.threads import in_threads
from sklearn_heads._sklearn.frames import is_one_of_several_fits, warn_user
from sklearn_heads._sklearn.random import random_stream

# n_members="auto": below FEW_ROWS one network on full batches in float64, without dropout and validation; else MANY folds.
# From some 40 rows on, folds have the lower log loss (docs/recipe.md).
FEW_ROWS = 40
MANY = 5
# Multiplications of a prediction, some milliseconds: with fewer, a thread takes longer to begin than it saves.
WORTH_A_THREAD = 2e8


def resolve(n_members, n_rows, settings):
    """What "auto" means here: the number of members, the settings, and whether rows may be kept aside."""
    if n_members != "auto" and n_members > n_rows:
        raise ValueError(f"n_members={n_members} folds of {n_rows} rows: set n_members to at most the number of rows, or to 1.")
    if settings.solver == "lbfgs":  # it uses no validation rows, so folds would only cost rows; its line search needs float64
        return 1 if n_members == "auto" else n_members, settings._replace(dtype="float64"), False
    if n_members != "auto":
        return n_members, settings, True
    if n_rows < FEW_ROWS:
        # float64 costs nothing here, and makes weights and repeated rows agree to the last digits shown. There are no validation
        # rows, so only decay keeps the network from overfitting. Decoupled decay would be too weak: with one step per epoch it
        # takes 4% off the weights in a whole fit. So the same number becomes L2 in the mean loss.
        l2 = settings.weight_decay * n_rows
        return 1, settings._replace(batch_size=n_rows, dropout=0.0, weight_decay=0.0, l2=l2, dtype="float64"), False
    return MANY, settings, True


def folds(strata, n_members, random):
    """The fold of each row: strata are dealt out like cards, so every fold gets its share of each.

    A stratum of fewer rows than folds is simply absent from some of them.
    """
    shuffled = random.permutation(len(strata))
    dealt = np.empty(len(strata), dtype=np.intp)
    dealt[shuffled[np.argsort(strata[shuffled], kind="stable")]] = np.arange(len(strata)) % n_members
    return dealt


def parts(examples, head, encoded, n_members, validation, splits, fraction, random):
    """What each member trains on and validates on, as pairs of Examples (or Examples and None), and each row's fold or None.

    validation : the user's validation rows, or None; splits : whether rows may be kept aside where the user gives none.
    """
    if n_members > 1:
        fold = folds(head.strata(encoded), n_members, random)
        pairs = [(examples.take(fold != m), examples.take(fold == m)) for m in range(n_members)]
        if validation is not None or not splits:
            pairs = [(trained, validation) for trained, _ in pairs]
        return pairs, fold
    if validation is None and splits:
        return [validation_split(examples, head, encoded, fraction, random)], None
    return [(examples, validation)], None


def validation_split(examples, head, encoded, fraction, random):
    """Examples for training and for validation, stratified where the head has strata and each has room in both."""
    n, strata = len(encoded), head.validation_strata(encoded)
    n_validation = int(np.ceil(fraction * n))
    if n_validation < 2 or n - n_validation < 2:
        raise ValueError(
            f"validation_fraction={fraction} of {n} rows leaves {n_validation} for validation and {n - n_validation} to train "
            "on: give X_val and y_val, or set early_stopping=False."
        )
    has_room = strata is not None and min(n_validation, n - n_validation) >= len(np.unique(strata))
    splitter = (StratifiedShuffleSplit if has_room else ShuffleSplit)(1, test_size=n_validation, random_state=random)
    training, validation = next(splitter.split(encoded, strata))  # train_test_split without its millisecond of checks
    return examples.take(training), examples.take(validation)


def spawn(random, n_members):
    """A random stream for each member: what one draws does not depend on when the others run."""
    return [random_stream(seed) for seed in random.randint(2**31, size=n_members)]


def names(members):
    """What each one's verbose lines begin with."""
    return [""] if len(members) == 1 else [f"network {m + 1}   " for m in range(len(members))]


def train(members, pairs, settings, n_jobs, task):
    """Train each member on its pair, (examples, validation), in threads; the bits do not depend on how many.

    Ctrl-C ends each where it is and keeps what they have, with a warning; a member that had not begun keeps an empty history.
    So does one that a callback, told by `task` of another that is trained, does not want any more. But where this fit is one
    of several, as in a search, KeyboardInterrupt ends all of them.
    """
    for _, validation in pairs:
        if validation is not None and validation.weight == 0:
            raise ValueError(
                "the validation rows have total weight zero (sample_weight and class_weight multiplied): give X_val and y_val, "
                "fewer members, or weights that leave some."
            )
    stop, begins = threading.Event(), names(members)

    def run(m):
        if stop.is_set() or task.enough:
            return None
        with task.member(m, members[m], pairs[m][0].order) as steps:
            return members[m].train(settings, *pairs[m], stop, begins[m], steps)

    workers = 1 if len(members) == 1 else min(effective_n_jobs(n_jobs), len(members))
    try:
        complaints = [complaint for complaint in in_threads(run, len(members), workers, stop.set) if complaint]
    except KeyboardInterrupt:
        stop.set()
    if stop.is_set():
        if is_one_of_several_fits():
            raise KeyboardInterrupt
        warn_user("Training interrupted by user: the weights so far are kept.")
    elif complaints:
        of = f"{len(complaints)} of {len(members)} networks " if len(members) > 1 else ""
        warn_user(of + complaints[0], ConvergenceWarning)


def logits(members, rows, n_jobs):
    """Logits (m, n, k) of all rows by each of the members, in threads that take a part of the rows each, with the same bits."""
    networks, order = [member.network for member in members], np.arange(rows.n_rows, dtype=np.intp)
    most = int(rows.n_rows * len(networks) * networks[0].parameters.size / WORTH_A_THREAD)
    workers = 1 if most < 2 else min(effective_n_jobs(n_jobs), most)
    if workers == 1:
        return logits_of(networks, rows, order)
    portions = np.array_split(order, workers)
    return np.concatenate(in_threads(lambda nth: logits_of(networks, rows, portions[nth]), workers, workers), axis=1)


def out_of_fold(members, rows, fold, head):
    """Public decision values of each row by the member that did not train on it; NaN where an interrupt left none."""
    decision = None
    for m, member in enumerate(members):
        own = np.flatnonzero(fold == m)
        values = head.decision(member.network.logits(rows, own))
        if decision is None:
            decision = np.full((len(fold), *values.shape[1:]), np.nan, dtype=values.dtype)
        if member.n_iter_:
            decision[own] = values
    return decision

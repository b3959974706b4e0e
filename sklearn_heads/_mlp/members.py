"""Members: folds and splits of the rows, and how networks train and predict beside each other."""
from __future__ import annotations

import threading

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from sklearn_heads._core.network import logits_of
from sklearn_heads._mlp.threads import Spare, in_threads
from sklearn_heads._sklearn.frames import is_one_of_several_fits, warn_user
from sklearn_heads._sklearn.random import random_stream

# Multiplications of a prediction, some milliseconds: with fewer, a thread takes longer to begin than it saves.
WORTH_A_THREAD = 2e8


def folds(strata, n_folds, random):
    """The fold of each row: strata are dealt out like cards, so every fold gets its share of each.

    A stratum of fewer rows than folds is simply absent from some of them.
    """
    shuffled = random.permutation(len(strata))
    dealt = np.empty(len(strata), dtype=np.intp)
    dealt[shuffled[np.argsort(strata[shuffled], kind="stable")]] = np.arange(len(strata)) % n_folds
    return dealt


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


def train(members, pairs, settings, n_jobs, task, first, names):
    """Train each member on its pair, (examples, validation), in threads; the bits do not depend on how many.

    Ctrl-C ends each where it is and keeps what they have, with a warning; a member that had not begun keeps an empty history.
    So does one that a callback, told by `task` of another that is trained, does not want any more. But where this fit is one
    of several, as in a search, KeyboardInterrupt ends all of them.

    first : number of the first of these among all that the fit trains, for `task`; names : what verbose lines begin with.

    Returns
    -------
    bool
        Whether all went through; False after Ctrl-C.
    """
    for _, validation in pairs:
        if validation is not None and validation.weight == 0:
            raise ValueError(
                "the validation rows have total weight zero (sample_weight and class_weight multiplied): give X_val and y_val, "
                "fewer members, or weights that leave some."
            )
    stop = threading.Event()

    def run(m):
        if stop.is_set() or task.enough:
            return None
        with task.member(first + m, members[m], pairs[m][0].order) as steps, spare.training():
            return members[m].train(settings, *pairs[m], stop, names[m], steps, spare)

    spare = Spare(effective_n_jobs(n_jobs))
    workers = min(spare.n_threads, len(members))
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
    return not stop.is_set()


def logits(members, X, n_jobs):
    """Logits (m, n, k) of all rows by each of the members, in threads that take a part of the rows each, with the same bits."""
    n_outputs = {member.network.n_outputs for member in members}
    if len(n_outputs) > 1:
        raise ValueError(f"the members of an ensemble have one number of outputs, and these {sorted(n_outputs)}: fit it anew.")
    groups = {}  # members of one encoding, shape and precision share the gathered rows
    for m, member in enumerate(members):
        groups.setdefault((id(member.encoding), member.network.layer_units, member.network.dtype), []).append(m)
    groups = [(at, [members[m].network for m in at], members[at[0]].encoding.rows(X, members[at[0]].network.dtype))
              for at in groups.values()]
    order, place = np.arange(X.shape[0], dtype=np.intp), np.argsort(np.concatenate([at for at, _, _ in groups]))

    def answer(portion):
        answers = [logits_of(networks, rows, portion) for _, networks, rows in groups]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)[place]

    most = int(X.shape[0] * sum(member.network.parameters.size for member in members) / WORTH_A_THREAD)
    workers = 1 if most < 2 else min(effective_n_jobs(n_jobs), most)
    if workers == 1:
        return answer(order)
    portions = np.array_split(order, workers)
    return np.concatenate(in_threads(lambda nth: answer(portions[nth]), workers, workers), axis=1)

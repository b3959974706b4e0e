"""Members: how many networks a fit trains, which rows each trains on and watches, and how they run beside each other.

With several members the rows are cut into as many folds; each member trains on the others' folds and stops by the log
loss of its own, which it never sees. So no row is wasted on validation, and every row has a probability by a network
that did not train on it.
"""
from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import train_test_split

# n_members="auto": below FEW_ROWS one network on full batches in float64, without dropout and validation; else MANY folds.
FEW_ROWS = 100
MANY = 5


def resolve(n_members, n_rows, settings):
    """What "auto" means for these rows: the number of members, the settings, and whether rows may be kept aside."""
    if n_members != "auto":
        return n_members, settings, True
    if settings.solver == "lbfgs":  # it does not watch, so folds would only cost rows
        return 1, settings, False
    if n_rows < FEW_ROWS:  # float64 costs nothing here, and makes weights and repeated rows agree to the last digits shown
        return 1, settings.changed(batch_size=n_rows, dropout=0.0, dtype="float64"), False
    return MANY, settings, True


def folds(strata, n_members, random):
    """The fold of each row: strata are dealt out like cards, so every fold gets its share of each.

    A stratum of fewer rows than folds is simply absent from some of them.
    """
    shuffled = random.permutation(len(strata))
    dealt = np.empty(len(strata), dtype=np.intp)
    dealt[shuffled[np.argsort(strata[shuffled], kind="stable")]] = np.arange(len(strata)) % n_members
    return dealt


def validation_split(strata, stratified, fraction, random):
    """Indices of rows to train on and of rows to watch."""
    n = len(strata)
    n_watched = int(np.ceil(fraction * n))
    values, counts = np.unique(strata, return_counts=True)
    if stratified and counts.min() < 2:
        raise ValueError(
            f"early_stopping splits validation rows off each class, but class number {values[counts.argmin()]} has only "
            "1 row. Merge or drop the class, give X_val and y_val, or set early_stopping=False."
        )
    if n_watched < 2 or n - n_watched < 2:
        raise ValueError(
            f"validation_fraction={fraction} of {n} rows leaves {n_watched} to watch and {n - n_watched} to train on: "
            "give X_val and y_val, or set early_stopping=False."
        )
    fits = stratified and min(n_watched, n - n_watched) >= len(values)
    return train_test_split(
        np.arange(n), test_size=fraction, random_state=random, stratify=strata if fits else None
    )


def train(members, parts, settings, alpha, n_jobs):
    """Train each member on its part, (examples, watched), in threads; the bits do not depend on how many."""
    several = len(members) > 1
    stop = threading.Event()

    def run(m):
        name = f"network {m + 1}   " if several else ""
        members[m].train(settings, *parts[m], alpha=alpha, stop=stop, name=name)

    workers = min(effective_n_jobs(n_jobs), len(members))
    if workers == 1:
        for m in range(len(members)):
            if stop.is_set():
                break
            run(m)
    else:
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(run, m) for m in range(len(members))]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                stop.set()  # the others end after their epoch
                for future in futures:
                    future.cancel()
                raise
    return [member for member in members if member.loss_curve_] or members[:1]


def out_of_fold(members, rows, folds, head):
    """Public decision values of each row by the member that did not train on it."""
    first = head.decision(members[0].logits(rows, np.flatnonzero(folds == 0)))
    out = np.empty((len(folds), *first.shape[1:]), dtype=first.dtype)
    out[folds == 0] = first
    for m in range(1, len(members)):
        own = np.flatnonzero(folds == m)
        out[own] = head.decision(members[m].logits(rows, own))
    return out

"""Fits, and scores of rows that they did not see."""

import signal
import threading
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

# The two words that cv may be.
PREFIT, OOF = "prefit", "oof"


def is_word(cv, word: str) -> bool:
    """Whether cv is this word; an array of splits would compare entry by entry."""
    return isinstance(cv, str) and cv == word


def last_step(estimator, prefix: str = ""):
    """The classifier at the end of a Pipeline, and the prefix of its parameters."""
    while hasattr(estimator, "steps"):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return estimator, prefix


def resampling_step(estimator):
    """The first step of a pipeline, or of one within, that changes the rows; None if there is none.

    scikit-learn's own steps cannot: its Pipeline hands y on as it is.
    """
    for _, step in getattr(estimator, "steps", ()):
        found = resampling_step(step) if isinstance(step, Pipeline) else step if hasattr(step, "fit_resample") else None
        if found is not None:
            return found
    return None


def with_stored_oof(estimator):
    """A clone that will leave `oof_proba_` behind, a row of it for each row that it is given."""
    if (step := resampling_step(estimator)) is not None:
        raise ValueError(
            f'cv="oof" pairs out-of-fold probabilities with the rows of X, and {type(step).__name__} in the pipeline gives the '
            "classifier other rows, so nobody knows whose they are. Use cross-validation: cv=5, or cv=None, which resamples "
            "the training folds alone."
        )
    inner, prefix = last_step(estimator)
    if not hasattr(inner, "get_params") or "store_oof" not in inner.get_params(deep=False):
        raise ValueError(
            'cv="oof" tunes on the out-of-fold probabilities that an estimator leaves behind in `oof_proba_`, and '
            f"{type(inner).__name__} has no `store_oof` parameter to ask for them. Use cross-validation: cv=5, or cv=None."
        )
    return clone(estimator).set_params(**{f"{prefix}store_oof": True})


def stored_oof(estimator, n: int):
    """The out-of-fold probabilities of a fitted estimator, n rows."""
    inner, _ = last_step(estimator)
    proba = getattr(inner, "oof_proba_", None)
    if proba is None or len(proba) != n:
        raise ValueError(
            f'cv="oof": after its fit {type(inner).__name__} has no `oof_proba_` with the {n} training rows. It needs '
            "several members, each held out of some rows; otherwise use cv=5."
        )
    return proba


def make_splits(cv, X, y, single_split, random_state, split_params) -> list:
    """The (train, test) pairs of a cross-validation; a float cv is the share of one held-out part."""
    if isinstance(cv, Real) and not isinstance(cv, Integral):
        if not 0 < cv < 1:
            raise ValueError(
                f"cv={cv} as a float is the share of rows held out, between 0 and 1; for folds pass an integer."
            )
        cv = single_split(n_splits=1, test_size=cv, random_state=random_state)
    else:
        cv = check_cv(cv, y=y, classifier=True)
    # Once: a splitter with a random state of its own would hold out other rows the second time.
    return list(cv.split(X, y, **split_params))


class EndedByInterrupt:
    """A block of fits that Ctrl-C ends as a whole, also where an estimator takes it as a wish to stop its own fit early.

    Such an estimator (MLPClassifier, say) keeps what it has learned and returns: `check`, after each fit, raises the
    KeyboardInterrupt that it swallowed. In other threads than the main one there are no signals to be seen.
    """

    def __enter__(self):
        self.seen, self.before = False, None
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self.before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number, frame):
        self.seen = True
        self.before(number, frame)

    def check(self):
        if self.seen:
            raise KeyboardInterrupt

    def __exit__(self, error, *_):
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
        if error is None:
            self.check()


def fit_and_score(tuner, X, y, kind, routed, read, fits):
    """The fitted estimator and held-out scores of rows: (estimator, rows (m,) or a slice, folds (m,), scores).

    Every fit is one of those that `fits` plans.
    """
    with EndedByInterrupt() as interrupt:
        return _fit_and_score(tuner, X, y, kind, routed, read, fits, interrupt)


def _fit_and_score(tuner, X, y, kind, routed, read, fits, interrupt):
    n = len(y)
    whole = slice(None), np.broadcast_to(np.int32(0), n)
    if is_word(tuner.cv, PREFIT):
        fits.plan()
        return tuner.estimator, *whole, read(tuner.estimator, X)
    if is_word(tuner.cv, OOF):
        estimator, (one,) = with_stored_oof(tuner.estimator), fits.plan(["fit-all-rows"])
        estimator = one.fit(estimator, X, y, **routed.fit)
        interrupt.check()
        return estimator, *whole, read(estimator, proba=stored_oof(estimator, n))
    splits = make_splits(tuner.cv, X, kind.for_splits(y), kind.single_split, tuner.random_state, routed.split)
    if not tuner.refit and len(splits) > 1:
        raise ValueError(
            f"When cv has several folds, refit cannot be False: there are {len(splits)} fitted estimators and none to "
            "predict with. Leave refit=True, or hold out one part, cv=0.2."
        )
    if not tuner.refit:
        (train, test), (one,) = splits[0], fits.plan(["fit-part"])
        estimator, test = _fit(one, clone(tuner.estimator), X, y, train, routed.fit), np.arange(n)[test]
        interrupt.check()
        return estimator, test, np.zeros(len(test), np.int32), read(estimator, _safe_indexing(X, test))
    if tuner.aggregate == "fold_mean" and max(len(np.arange(n)[test]) for _, test in splits) == 1:
        raise ValueError(
            'aggregate="fold_mean" finds a threshold on each fold, and these folds have one row each. Use aggregate="bagged" or '
            '"pooled", which put the rows of all folds together, or larger folds: cv=5.'
        )
    of_all, *of_folds = fits.plan(["fit-all-rows", *["fit-fold"] * len(splits)])
    estimator = of_all.fit(clone(tuner.estimator), X, y, **routed.fit)
    interrupt.check()

    def tasks():
        for one, (train, test) in zip(of_folds, splits):
            interrupt.check()
            yield delayed(_fit_and_read)(one, clone(tuner.estimator), X, y, train, test, routed.fit, read)

    parts = Parallel(n_jobs=tuner.n_jobs)(tasks())
    rows = np.concatenate([np.arange(n)[test] for _, test in splits])
    folds = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return estimator, rows, folds, np.concatenate(parts)


def _fit(one, estimator, X, y, train, fit_params):
    params = _check_method_params(X, fit_params, indices=train)
    return one.fit(estimator, _safe_indexing(X, train), _safe_indexing(y, train), **params)


def _fit_and_read(one, estimator, X, y, train, test, fit_params, read):
    return read(_fit(one, estimator, X, y, train, fit_params), _safe_indexing(X, test))

"""Scores from classifiers: which method gives them, and those of rows that were held out."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

METHODS = ("predict_proba", "decision_function")
# The two words that cv may be.
PREFIT, OOF = "prefit", "oof"


def is_word(cv, word: str) -> bool:
    """Whether cv is this word; an array of splits would compare entry by entry."""
    return isinstance(cv, str) and cv == word


def score_method(estimator, response_method: str) -> str:
    """The name of the method that gives the scores."""
    wanted = METHODS if response_method == "auto" else (response_method,)
    for name in wanted:
        if hasattr(estimator, name):
            return name
    raise ValueError(
        f"{type(estimator).__name__} has no {' or '.join(wanted)}, so there are no scores to put a threshold on. "
        "Use a classifier that has one, or calibrate it with CalibratedClassifierCV."
    )


def logits(scores: np.ndarray, method: str) -> np.ndarray:
    """What class biases are added to: log-probabilities, finite, or the decision function itself."""
    return np.log(np.maximum(scores, 1e-300)) if method == "predict_proba" else scores


def check_finite(scores, where: str):
    """Raise for scores that no threshold can order."""
    finite = np.isfinite(scores)
    if not finite.all():
        bad = np.flatnonzero(~finite.reshape(len(scores), -1).all(axis=1))
        raise ValueError(
            f"The estimator gives NaN or infinite scores {where}: {len(bad)} of {len(scores)} rows, the first at row "
            f"{bad[0]}. "
            "A threshold cannot place them. Look for overflow or missing values in X, and scale or impute before the classifier."
        )


def last_step(estimator, prefix: str = ""):
    """The classifier at the end of a Pipeline, and the prefix of its parameters."""
    while hasattr(estimator, "steps"):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return estimator, prefix


def with_stored_oof(estimator):
    """A clone that will leave `oof_proba_` behind."""
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


class Reader:
    """Reads the scores of rows from an estimator, in the layout of a kind of labels."""

    def __init__(self, kind, method: str):
        self.kind, self.method = kind, method

    def __call__(self, estimator, X=None, proba=None) -> np.ndarray:
        """Of X, or of probabilities that are already there."""
        output = getattr(estimator, self.method)(X) if proba is None else proba
        return self.kind.columns(output, self.method, getattr(estimator, "classes_", None))


def fit_and_score(tuner, X, y, single_split, routed, read, fits):
    """The fitted estimator and held-out scores of rows: (estimator, rows (m,) or a slice, folds (m,), scores).

    Every fit is one of those that `fits` plans.
    """
    n = len(y)
    whole = slice(None), np.broadcast_to(np.int32(0), n)
    if is_word(tuner.cv, PREFIT):
        fits.plan()
        return tuner.estimator, *whole, read(tuner.estimator, X)
    if is_word(tuner.cv, OOF):
        estimator, (one,) = with_stored_oof(tuner.estimator), fits.plan(["fit-all-rows"])
        estimator = one.fit(estimator, X, y, **routed.fit)
        return estimator, *whole, read(estimator, proba=stored_oof(estimator, n))
    splits = make_splits(tuner.cv, X, y, single_split, tuner.random_state, routed.split)
    if not tuner.refit and len(splits) > 1:
        raise ValueError(
            f"When cv has several folds, refit cannot be False: there are {len(splits)} fitted estimators and none to "
            "predict with. Leave refit=True, or hold out one part, cv=0.2."
        )
    if not tuner.refit:
        (train, test), (one,) = splits[0], fits.plan(["fit-part"])
        estimator, test = _fit(one, clone(tuner.estimator), X, y, train, routed.fit), np.arange(n)[test]
        return estimator, test, np.zeros(len(test), np.int32), read(estimator, _safe_indexing(X, test))
    of_all, *of_folds = fits.plan(["fit-all-rows", *["fit-fold"] * len(splits)])
    estimator = of_all.fit(clone(tuner.estimator), X, y, **routed.fit)
    parts = Parallel(n_jobs=tuner.n_jobs)(
        delayed(_fit_and_read)(one, clone(tuner.estimator), X, y, train, test, routed.fit, read)
        for one, (train, test) in zip(of_folds, splits)
    )
    rows = np.concatenate([np.arange(n)[test] for _, test in splits])
    folds = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return estimator, rows, folds, np.concatenate(parts)


def _fit(one, estimator, X, y, train, fit_params):
    params = _check_method_params(X, fit_params, indices=train)
    return one.fit(estimator, _safe_indexing(X, train), _safe_indexing(y, train), **params)


def _fit_and_read(one, estimator, X, y, train, test, fit_params, read):
    return read(_fit(one, estimator, X, y, train, fit_params), _safe_indexing(X, test))

"""Scores from classifiers: one layout for each kind of problem, and out-of-fold scores of all rows."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

METHODS = ("predict_proba", "decision_function")


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


def columns(output, kind: str, method: str, own_classes, classes, positive: int) -> np.ndarray:
    """Scores in float64: (n,) of the positive class, (n, L), or (n, K) in the order of classes.

    own_classes are those of the estimator that gave the output, which may have seen fewer in its fold.
    """
    if kind == "multilabel":
        if isinstance(output, list):
            # One (n, 2) array per label; (n, 1) where the fold held one value of it.
            output = np.column_stack([
                p[:, 1] if p.shape[1] == 2 else np.full(len(p), float(seen[0] == 1))
                for p, seen in zip(output, own_classes)
            ])
        return np.asarray(output, float)
    output = np.asarray(output, float)
    if kind == "binary":
        if len(own_classes) != 2:
            raise ValueError(
                f"The estimator saw only class {np.asarray(own_classes).tolist()[0]!r} in a training fold, so it has "
                "no score for the other. Use stratified folds, fewer folds, or more rows of the rare class."
            )
        if method == "predict_proba":
            return output[:, positive]
        return output.ravel() if positive == 1 else -output.ravel()
    if output.shape[1] == len(classes):
        return output
    full = np.full((len(output), len(classes)), 0.0 if method == "predict_proba" else output.min())
    full[:, np.searchsorted(classes, own_classes)] = output
    return full


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


def make_splits(cv, X, y, kind: str, random_state, split_params) -> list:
    """The (train, test) pairs of a cross-validation; a float cv is the share of one held-out part."""
    if isinstance(cv, Real) and not isinstance(cv, Integral):
        if not 0 < cv < 1:
            raise ValueError(
                f"cv={cv} as a float is the share of rows held out, between 0 and 1; for folds pass an integer."
            )
        splitter = ShuffleSplit if kind == "multilabel" else StratifiedShuffleSplit
        cv = splitter(n_splits=1, test_size=cv, random_state=random_state)
    else:
        cv = check_cv(cv, y=y, classifier=True)
    # Once: a splitter with a random state of its own would hold out other rows the second time.
    return list(cv.split(X, y, **split_params))


def fit_and_score(tuner, X, y, kind: str, routed, read, fits):
    """The fitted estimator and held-out scores of rows: (estimator, rows (m,) or a slice, folds (m,), scores).

    read(estimator, X) gives scores in our layout; read(estimator, proba=...) converts probabilities already there. Every
    fit is one of those that `fits` plans.
    """
    n = len(y)
    whole = slice(None), np.broadcast_to(np.int32(0), n)
    if isinstance(tuner.cv, str) and tuner.cv == "prefit":
        fits.plan()
        return tuner.estimator, *whole, read(tuner.estimator, X)
    if isinstance(tuner.cv, str) and tuner.cv == "oof":
        estimator, (one,) = with_stored_oof(tuner.estimator), fits.plan(["fit-all-rows"])
        estimator = one.fit(estimator, X, y, **routed.fit)
        return estimator, *whole, read(estimator, proba=stored_oof(estimator, n))
    splits = make_splits(tuner.cv, X, y, kind, tuner.random_state, routed.split)
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

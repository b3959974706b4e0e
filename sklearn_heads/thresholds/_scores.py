"""Scores from classifiers: which method gives them, and one layout for each kind of labels."""

import numpy as np

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


class Reader:
    """Reads the scores of rows from an estimator, in the layout of a kind of labels."""

    def __init__(self, kind, method: str):
        self.kind, self.method = kind, method

    def __call__(self, estimator, X=None, proba=None) -> np.ndarray:
        """Of X, or of probabilities that are already there."""
        output = getattr(estimator, self.method)(X) if proba is None else proba
        return self.kind.columns(output, self.method, getattr(estimator, "classes_", None))

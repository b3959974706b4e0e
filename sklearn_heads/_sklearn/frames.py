"""Who called fit: the line of the user that a warning should point at, and whether the fit is one of several.

Frames are read only where there is something to say, so this costs a fit nothing.
"""
from __future__ import annotations

import sys
import warnings

PACKAGE = __name__.partition(".")[0]
# Between the user's line and a fit: what makes a fit, or hands one on.
LIBRARIES = {PACKAGE, "sklearn", "joblib", "contextlib", "functools", "threading", "concurrent"}
# Of these, what makes exactly one fit.
SINGLE_FITS = (f"{PACKAGE}._mlp", f"{PACKAGE}._sklearn", f"{PACKAGE}.estimators", "sklearn.callback", "sklearn.pipeline",
               "sklearn.compose", "sklearn.base", "sklearn.utils", "contextlib", "functools", "threading")


def _callers():
    """Names of the modules of the frames above, from the innermost, each with its frame."""
    frame = sys._getframe(2)
    while frame is not None:
        yield frame.f_globals.get("__name__", ""), frame
        frame = frame.f_back


def _is_library(module):
    return module.partition(".")[0] in LIBRARIES


def warn_user(message, category=UserWarning):
    """A warning at the line of the user that led here: the first outside this package, scikit-learn and joblib."""
    depth = 2
    for module, _ in _callers():
        if not _is_library(module):
            break
        depth += 1
    warnings.warn(message, category, stacklevel=depth)


def is_fit_of_tuner():
    """Whether a ThresholdTuner makes this fit, which has warnings of its own."""
    return any(module.startswith(f"{PACKAGE}.thresholds") for module, _ in _callers())


def is_one_of_several_fits():
    """Whether the fit under way was called by a search, a tuner, cross-validation, an ensemble or another maker of many fits."""
    for module, _ in _callers():
        if not _is_library(module):
            return False
        if not module.startswith(SINGLE_FITS):
            return True
    return False

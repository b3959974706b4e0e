"""A fit that fails leaves the estimator as it was."""
from __future__ import annotations

from functools import wraps


def nothing_lost(method):
    """After a failure the estimator is what it was: what an earlier fit learned still predicts."""

    @wraps(method)
    def careful(self, *args, **kwargs):
        before = vars(self).copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            for name in vars(self).keys() - before.keys():
                delattr(self, name)
            vars(self).update(before)
            raise

    return careful

"""The attributes of an estimator change all at once, or not at all."""
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


def twin(estimator):
    """An estimator with a copy of the attributes: what reads into it leaves the other as it is."""
    other = object.__new__(type(estimator))
    vars(other).update(vars(estimator))
    return other


def snapshot(estimator):
    """An estimator with the attributes as they are now, whatever `publish` puts in their place."""
    other = object.__new__(type(estimator))
    other.__dict__ = vars(estimator)
    return other


def publish(estimator, learned, forget=()):
    """In one step give an estimator these attributes, and take others away: who predicts meanwhile sees all of it or nothing."""
    kept = {name: value for name, value in vars(estimator).items() if name not in forget}
    estimator.__dict__ = {**kept, **learned}

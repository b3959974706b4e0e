"""Constructor parameters: names read once per class, every value checked once.

scikit-learn reads the signature anew in each clone, set_params and fit, and holds every value against its constraints. With
thirty parameters a search of small networks would spend more on that than on an epoch.
"""
from __future__ import annotations

from functools import cache, lru_cache

from sklearn.utils._param_validation import validate_parameter_constraints


class Parameters:
    """A BaseEstimator with many parameters, most of which have the values that they had in the last fit."""

    @classmethod
    @cache
    def _get_param_names(cls):
        return super()._get_param_names()

    def _validate_params(self):
        unknown = {}
        for name in self._get_param_names():
            value = getattr(self, name)
            try:
                check(type(self), name, value)
            except TypeError:  # not hashable; or refused, as an InvalidParameterError, which is one
                unknown[name] = value
        validate_parameter_constraints(self._parameter_constraints, unknown, type(self).__name__)


@lru_cache(512, typed=True)
def check(estimator_class, name, value):
    """Hold a value against its constraints; one that satisfied them once does so for ever."""
    validate_parameter_constraints(estimator_class._parameter_constraints, {name: value}, estimator_class.__name__)

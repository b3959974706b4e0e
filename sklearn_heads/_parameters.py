"""Constructor parameters: their names read once a class, their values checked once a fit.

scikit-learn reads the signature anew in each clone, set_params and fit, and holds every value against its constraints. With
thirty parameters a search of small networks would spend more on that than on an epoch.
"""
from __future__ import annotations

from functools import cache
from inspect import signature

from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints


class Parameters:
    """A BaseEstimator with many parameters, few of which are set."""

    @classmethod
    @cache
    def _get_param_names(cls):
        return super()._get_param_names()

    def _validate_params(self):
        """Hold the parameters against their constraints; defaults that satisfied them once do so for ever."""
        known = valid_defaults(type(self))
        values = {name: getattr(self, name) for name in self._get_param_names()}
        new = {name: value for name, value in values.items() if name not in known or value is not known[name]}
        validate_parameter_constraints(self._parameter_constraints, new, type(self).__name__)


@cache
def valid_defaults(estimator_class):
    """The constructor's defaults, without those that its own constraints refuse: a subclass may have such."""
    found = {}
    for name, parameter in signature(estimator_class).parameters.items():
        try:
            validate_parameter_constraints(estimator_class._parameter_constraints, {name: parameter.default}, "")
        except InvalidParameterError:
            continue
        found[name] = parameter.default
    return found

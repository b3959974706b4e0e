"""Who gets which of the keyword arguments of fit."""

import inspect
import warnings
from typing import NamedTuple

from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import has_fit_parameter

from sklearn_heads.thresholds._scores import PREFIT, is_word, last_step


class Routed(NamedTuple):
    """Arguments for the estimator's fit, the splitter's split and the scorer; the weights of the search."""

    fit: dict
    split: dict
    score: dict
    weight: object = None


def route(tuner, scorer, params: dict) -> Routed:
    """By scikit-learn's metadata routing where it is enabled; else sample_weight goes to everyone who takes it."""
    params = {name: value for name, value in params.items() if value is not None}
    if not params:
        return Routed({}, {}, {})
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(tuner, "fit", **params)
        score = dict(routed.scorer.score) if "scorer" in routed else {}
        # Where no scorer could ask for them, the search takes the weights that the estimator asked for.
        weight = score.get("sample_weight") if "scorer" in routed else params.get("sample_weight")
        return Routed(dict(routed.estimator.fit), dict(routed.splitter.split), score, weight)
    if extra := sorted(set(params) - {"sample_weight"}):
        raise TypeError(
            f"fit got {', '.join(extra)}. Apart from sample_weight, arguments are passed on only by metadata routing: "
            "sklearn.set_config(enable_metadata_routing=True), and request them with set_fit_request."
        )
    inner, prefix = last_step(tuner.estimator)
    fit = {}
    if is_word(tuner.cv, PREFIT):
        pass
    elif has_fit_parameter(inner, "sample_weight"):
        fit = {f"{prefix}sample_weight": params["sample_weight"]}
    else:
        warnings.warn(
            f"{type(inner).__name__}.fit takes no sample_weight: the weights are used for tuning only.",
            UserWarning,
            stacklevel=3,
        )
    return Routed(fit, {}, params if scorer is not None and _takes_weights(scorer) else {}, params["sample_weight"])


def _takes_weights(scorer) -> bool:
    return "sample_weight" in inspect.signature(getattr(scorer, "_score_func", scorer)).parameters

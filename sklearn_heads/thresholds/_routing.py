"""Who gets which of the keyword arguments of fit."""

import inspect
from typing import NamedTuple

from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import has_fit_parameter

from sklearn_heads._sklearn.frames import warn_user
from sklearn_heads.thresholds._heldout import PREFIT, is_word, last_step


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
    fit = {}
    if is_word(tuner.cv, PREFIT):
        pass
    elif name := _weight_argument(tuner.estimator):
        fit = {name: params["sample_weight"]}
    else:
        inner, _ = last_step(tuner.estimator)
        warn_user(f"{type(inner).__name__}.fit takes no sample_weight: the weights are used for tuning only.")
    return Routed(fit, {}, params if scorer is not None and _takes_weights(scorer) else {}, params["sample_weight"])


def _weight_argument(estimator) -> str | None:
    """What an estimator's fit calls the weights of rows; None if it takes none.

    Searches and other meta-estimators say `**params` and hand these on to what they are made of, by its names for them.
    """
    inner, prefix = last_step(estimator)
    if has_fit_parameter(inner, "sample_weight"):
        return f"{prefix}sample_weight"
    kinds = {parameter.kind for parameter in inspect.signature(inner.fit).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        return None
    parts = [part for _, part in getattr(inner, "estimators", ())] or [getattr(inner, "estimator", None)]
    names = {None if part is None else _weight_argument(part) for part in parts if not isinstance(part, str)}
    return prefix + names.pop() if len(names) == 1 and None not in names else None


def _takes_weights(scorer) -> bool:
    return "sample_weight" in inspect.signature(getattr(scorer, "_score_func", scorer)).parameters

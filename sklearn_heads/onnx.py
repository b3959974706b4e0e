"""ONNX: skl2onnx learns to write the classifiers of this package, and what scikit-learn builds around them, as graphs.

A graph does what `predict` and `predict_proba` do. How, is in `_onnx/`.
"""
from __future__ import annotations

import numpy as np

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner

OURS = (MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner)
OPTIONS = {
    "zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True], "raw_scores": [True, False],
}
# Classifiers around others, which skl2onnx writes from probabilities alone.
AROUND = (
    "AdaBoostClassifier", "BaggingClassifier", "CalibratedClassifierCV", "OneVsOneClassifier", "OneVsRestClassifier",
    "StackingClassifier", "TunedThresholdClassifierCV", "VotingClassifier",
)


def register_converters() -> None:
    """Tell skl2onnx how to convert `MLPBinary`, `MLPMulticlass`, `MLPMultiLabel` and `ThresholdTuner`.

    Afterwards `skl2onnx.to_onnx` takes them alone, in a Pipeline, and in scikit-learn's classifiers around others: calibrated,
    one-vs-rest, one-vs-one, stacked, voting, bagged, boosted, searched. With one of ours inside, these are converted here, label
    for label as they predict; without, as skl2onnx converts them. The option ``raw_scores=True`` gives decision values in the
    place of probabilities, for two classes -d and d.

    Raises
    ------
    ImportError
        Without skl2onnx: ``pip install 'sklearn-heads[onnx]'``.

    Examples
    --------
    >>> from sklearn_heads.onnx import register_converters
    >>> register_converters()  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx._parse import update_registered_parser
        from skl2onnx.common import _registration as registry
    except ImportError as error:
        raise ImportError("ONNX needs skl2onnx: pip install 'sklearn-heads[onnx]'.") from error
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import FixedThresholdClassifier, RandomizedSearchCV

    for estimator in (*OURS, FixedThresholdClassifier):
        update_registered_converter(estimator, f"SklearnHeads{estimator.__name__}", _shapes, _convert, options=OPTIONS)
    for model in (RandomizedSearchCV, FrozenEstimator):
        update_registered_parser(model, _parse_inner)
    for name in AROUND:
        alias = f"Sklearn{name}"
        theirs, their_shapes = registry.get_converter(alias), registry.get_shape_calculator(alias)
        if not hasattr(theirs._fct, "theirs"):
            options = {**OPTIONS, **theirs.get_allowed_options()}
            registry.register_converter(alias, _if_ours(_convert, theirs), overwrite=True, options=options)
            registry.register_shape_calculator(alias, _if_ours(_shapes, their_shapes), overwrite=True)


def _if_ours(ours, theirs):
    """A converter or shape calculator: ours for models with one of our classifiers inside, else the one that skl2onnx has."""
    if ours is _convert:
        def convert(scope, operator, container):
            (ours if _has_ours_inside(operator.raw_operator) else theirs)(scope, operator, container)
    else:
        def convert(operator):
            (ours if _has_ours_inside(operator.raw_operator) else theirs)(operator)
    convert.theirs = theirs
    return convert


def _has_ours_inside(model):
    if isinstance(model, OURS):
        return True
    if isinstance(model, dict):
        return any(map(_has_ours_inside, model.values()))
    if isinstance(model, (list, tuple)):
        return any(map(_has_ours_inside, model))
    from sklearn.base import BaseEstimator
    return (isinstance(model, BaseEstimator) or hasattr(model, "calibrators")) and _has_ours_inside(vars(model))


def _parse_inner(scope, model, inputs, custom_parsers=None):
    """A search or a frozen estimator is the estimator inside."""
    from skl2onnx._parse import _parse_sklearn

    inner = model.best_estimator_ if hasattr(model, "best_estimator_") else model.estimator
    scope.add_options(id(inner), (scope.options or {}).get(id(model), {}))
    return _parse_sklearn(scope, inner, inputs, custom_parsers=custom_parsers)


def _is_multilabel(model):
    if isinstance(model, ThresholdTuner):
        return hasattr(model, "thresholds_")
    return model._head.is_multilabel if isinstance(model, OURS) else getattr(model, "multilabel_", False)


def _shapes(operator):
    """Types of the outputs: labels (n,), or (n, L) for a label matrix; probabilities a column for each class or label."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model = operator.raw_operator
    if isinstance(model.classes_, list):
        raise ValueError(f"{type(model).__name__} gives one array of probabilities per label; ONNX needs one for all.")
    n, n_classes = operator.inputs[0].get_first_dimension(), len(model.classes_)
    words = np.asarray(model.classes_).dtype.kind in "OU" and not operator.scope_inst.get_options(model, {"nocl": False})["nocl"]
    label = StringTensorType if words else Int64TensorType
    operator.outputs[0].set_type(label([n, n_classes] if _is_multilabel(model) else [n]))
    operator.outputs[1].type.shape = [n, n_classes]


def _convert(scope, operator, container):
    from sklearn_heads._onnx import ensembles, thresholds  # noqa: F401, they register what they write
    from sklearn_heads._onnx.graph import Graph
    from sklearn_heads._onnx.written import two_sided, written

    graph = Graph(scope, operator, container)
    model = written(operator.raw_operator, graph, list(operator.inputs))
    if container.get_options(operator.raw_operator, {"raw_scores": False})["raw_scores"]:
        scores = two_sided(model)
    else:
        scores = model.shown
    labels = model.ids if model.is_multilabel else graph("Gather", graph.classes(), model.ids)
    graph.finish(labels, scores)

"""Neural classifiers that pair the right output head, loss and decision threshold with the labels at hand."""
from sklearn_heads import losses
from sklearn_heads._sklearn.versions import __version__ as __version__
from sklearn_heads.displays import LossCurveDisplay
from sklearn_heads.estimators import MLPBinary, MLPMulticlass, MLPMultiLabel
from sklearn_heads.thresholds import ThresholdCurveDisplay, ThresholdTuner

__all__ = [
    "LossCurveDisplay",
    "MLPBinary",
    "MLPMultiLabel",
    "MLPMulticlass",
    "ThresholdCurveDisplay",
    "ThresholdTuner",
    "losses",
]

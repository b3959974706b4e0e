"""Neural classifiers that pair the right output head, loss and decision threshold with the labels at hand."""
from sklearn_heads.thresholds import ThresholdCurveDisplay, ThresholdTuner

__all__ = ["ThresholdCurveDisplay", "ThresholdTuner"]

"""Thresholds for any classifier: `ThresholdTuner`, its exact searches and its display. Imports no network."""

from sklearn_heads.thresholds._display import ThresholdCurveDisplay
from sklearn_heads.thresholds._tuner import ThresholdTuner

__all__ = ["ThresholdCurveDisplay", "ThresholdTuner"]

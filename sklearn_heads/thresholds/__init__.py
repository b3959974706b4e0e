"""Cuts for any classifier: `ThresholdTuner`, its exact searches and its display. Imports no network."""

from ._display import ThresholdCurveDisplay
from ._tuner import ThresholdTuner

__all__ = ["ThresholdCurveDisplay", "ThresholdTuner"]

"""Searches for thresholds: arrays in, the best thresholds out."""

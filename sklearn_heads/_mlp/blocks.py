"""Large arrays a block at a time, or a sample of their rows."""
from __future__ import annotations

import numpy as np

# Values that are worked on at once: enough to be quick, few enough to add nothing to the memory that X takes.
BLOCK_VALUES = 2**18


def blocks(n, size):
    """Slices of at most this size (but at least 1), one after another, that cover n."""
    size = max(1, size)
    return (slice(start, start + size) for start in range(0, n, size))


def sample(n, most):
    """Indices of n rows, or of so many of them as are looked at: the same in every fit."""
    return np.arange(n) if n <= most else np.random.RandomState(0).permutation(n)[:most]

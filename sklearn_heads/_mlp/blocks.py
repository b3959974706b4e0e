"""Large arrays a block at a time."""
from __future__ import annotations

# Values that are worked on at once: enough to be quick, few enough to add nothing to the memory that X takes.
BLOCK_VALUES = 2**18


def blocks(n, size):
    """Slices of at most this size (but at least 1), one after another, that cover n."""
    size = max(1, size)
    return (slice(start, start + size) for start in range(0, n, size))

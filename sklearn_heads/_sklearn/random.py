"""The random stream of a fit.

From a seed come the numbers of numpy.random.RandomState(seed). That constructor takes as long as an epoch of a small network:
it fills its state with fresh entropy, and then overwrites it with what the seed says. Here the entropy is left out.
"""
from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state

GLOBAL = check_random_state(None)


class NoEntropy(ISeedSequence):
    """Zeros in place of fresh entropy, which the seed would overwrite."""

    def generate_state(self, n_words, dtype=np.uint32):
        return np.zeros(n_words, dtype)


def random_stream(random_state):
    """As scikit-learn's check_random_state, but that NumPy's global stream only seeds one: fits in threads that shared it would
    wait for each other, and so would a process that is forked meanwhile, for ever."""
    if random_state is None or random_state is np.random or random_state is GLOBAL:
        random_state = GLOBAL.randint(2**31)
    if not isinstance(random_state, Integral):
        return random_state
    fresh = np.random.RandomState(np.random.MT19937(NoEntropy()))
    fresh.seed(random_state)
    return fresh


def seed_of(random_state):
    """A seed from which the same stream can be started again: an int is one."""
    return random_state if isinstance(random_state, Integral) else int(check_random_state(random_state).randint(2**31))

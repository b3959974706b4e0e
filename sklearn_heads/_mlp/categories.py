"""Categories: which look-up of the network's first layer each value of a categorical column has.

A look-up is a row of weights that is used where the row of X has the category: a one-hot column without the column. Values that
few rows have share one in each column, with those that are first seen after fit; gaps have one of their own.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Values that fewer rows have share a look-up: what so few rows say of a value is mostly noise.
RARE_ROWS = 10


class Lookups(NamedTuple):
    """Of one categorical column; a look-up is a number from 0 on, counted over all columns, and -1 is none.

    of : dict of value to look-up, for each value seen in fit, rare ones included
    gap : that of a missing value
    other : that of rare values, and of values not seen in fit
    """

    of: dict
    gap: int
    other: int

    def describe(self):
        own = len(self.of) - (0 if self.other < 0 else sum(number == self.other for number in self.of.values()))
        rare = len(self.of) - own
        words = f"{own} categories" + (f", {rare} rare ones as one" if rare else "")
        if self.gap < 0 and self.other < 0 and all(number < 0 for number in self.of.values()):
            return "one category: left out"
        return words + (", gaps as a category of their own" if 0 <= self.gap != self.other else "")


def look_ups(table, weights=None, in_portions=False):
    """The Lookups of each categorical column, and the weighted share of the rows that each look-up is used by.

    They are in the order of one-hot columns: values sorted, then gaps, then what is rare.

    in_portions: the rows are only the first, so that a column of one category may show others later, and they get a place.
    """
    columns, shares = [], []
    for values, codes in zip(table.values, table.codes.T):
        codes = np.where(codes < 0, len(values), codes)  # gaps behind the values
        counts = np.bincount(codes, minlength=len(values) + 1)
        share = np.bincount(codes, weights, len(values) + 1) / (len(codes) if weights is None else weights.sum())
        seen = sorted(np.flatnonzero(counts[:-1]).tolist(), key=values.__getitem__)
        own = [v for v in seen if counts[v] >= RARE_ROWS] + [len(values)] * bool(counts[-1])
        rare = [v for v in seen if counts[v] < RARE_ROWS]
        has_other = bool(rare) or in_portions
        if len(own) + has_other < 2 and not in_portions:  # constant
            columns.append(Lookups(dict.fromkeys((values[v] for v in seen), -1), -1, -1))
            continue
        number = {v: len(shares) + nth for nth, v in enumerate(own)}
        other = len(shares) + len(own) if has_other else -1
        of = {values[v]: number.get(v, other) for v in seen}
        columns.append(Lookups(of, number.get(len(values), other), other))
        shares += [share[v] for v in own] + [share[rare].sum()] * has_other
    return columns, np.array(shares)


def codes_of(table, columns):
    """Look-ups (n, n_cat) of int32 of the rows of a table."""
    codes = np.empty(table.codes.shape, dtype=np.int32)
    for c, (values, lookups) in enumerate(zip(table.values, columns)):
        numbers = [lookups.of.get(value, lookups.other) for value in values]
        codes[:, c] = np.array([*numbers, lookups.gap], dtype=np.int32)[table.codes[:, c]]
    return codes

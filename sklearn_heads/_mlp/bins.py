"""Where the bins of a column lie: at quantiles of its values, or at the splits of a small decision tree on the column alone.

Quantiles need no labels. Splits put the edges where the labels change, so they may be taken only from rows that the network
trains on: validation rows must not have had a say.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks

# Rows from which edges are taken: more of them would say the same.
MOST_ROWS = 20_000
# Of a tree: fewer rows than this say little about where the labels change.
LEAST_LEAF = 10


class Bins(NamedTuple):
    """How columns of numbers are cut into bins.

    by : "quantiles" or "splits"; most : bins per column, at most; least : a column of fewer gets none;
    together : bins of all columns, at most: cost grows with them, so many columns get fewer bins each, or none.
    """

    by: str
    most: int
    least: int
    together: int

    def edges(self, X, columns, weights=None, strata=None):
        """Edges, rising, of the bins of each of these columns of X: a list of arrays, empty for a column that gets none.

        weights : ndarray (n,) or None; strata : ndarray (n,) or (n, L), the labels; only "splits" reads them.
        """
        if len(X) > MOST_ROWS:
            sample = np.random.RandomState(0).permutation(len(X))[:MOST_ROWS]
            X, weights = X[sample], None if weights is None else weights[sample]
            strata = None if strata is None else strata[sample]
        found, most = [], min(self.most, self.together // max(1, len(columns)))
        if most < self.least:
            return [np.empty(0)] * len(columns)
        for some in blocks(len(columns), BLOCK_VALUES // len(X)):
            x = X[:, columns[some]]
            if self.by == "splits":
                found += [splits(x[:, j], strata, most, weights) for j in range(x.shape[1])]
            else:
                found += quantile_edges(x, most, weights)
        return [edges if len(edges) > self.least else edges[:0] for edges in found]


def splits(x, strata, n, weights=None):
    """The least and the greatest of x, and between them the thresholds of a tree of at most n leaves."""
    tree = DecisionTreeClassifier(max_leaf_nodes=n, min_samples_leaf=LEAST_LEAF, random_state=0)
    tree.fit(x[:, None], strata, sample_weight=weights)
    return np.unique(np.concatenate([[x.min(), x.max()], tree.tree_.threshold[tree.tree_.feature >= 0]]))


def quantile_edges(x, n, weights=None):
    """Edges of n bins of equal weight, for each column of x.

    Where one value is so common that quantiles coincide (counts, spending: mostly zero), that value is an edge, and the
    quantiles are those of the other values. A column of no more values than edges has an edge at each of them.
    """
    found = [np.unique(edges) for edges in quantiles(x, n, weights).T]
    for j, edges in enumerate(found):
        if len(edges) <= n:
            values, at = np.unique(x[:, j], return_inverse=True)
            if len(values) <= n + 1:
                found[j] = values
            else:
                mode = np.bincount(at, weights).argmax()
                others = at != mode
                rest = quantiles(x[others, j : j + 1], n - 1, None if weights is None else weights[others])
                found[j] = np.union1d(rest, values[mode])
    return found


def quantiles(x, n, weights=None):
    """The 0, 1/n, ..., 1 quantiles of each column of x: the smallest value at which the weighted share reaches them.

    A weight of two counts as the value twice, and scaling all weights changes nothing.
    """
    wanted = np.arange(n + 1) / n * (1 - 1e-12)
    if weights is None:
        return np.sort(x, axis=0)[np.maximum(np.ceil(wanted * len(x)).astype(np.intp) - 1, 0)]
    order = np.argsort(x, axis=0, kind="stable")
    share = np.cumsum(weights[order], axis=0)
    below = np.stack([(share < w * share[-1]).sum(axis=0) for w in wanted])
    return np.take_along_axis(x, np.take_along_axis(order, below, axis=0), axis=0)

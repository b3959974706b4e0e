"""The bins of a column: where they lie, at quantiles of its values or where a small tree on the column alone splits the labels.

A bin is a ramp: its feature rises from -1/2 to 1/2 while x crosses an interval. Quantiles need no labels. Splits lie where the
labels change, so they are taken only from rows that the network trains on: validation rows must not have had a say.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks, sample

# Rows from which edges are taken: more of them would say the same.
MOST_ROWS = 20_000
# Of a tree: fewer rows than this say little about where the labels change; and its thresholds, before it is grown.
LEAST_LEAF = 10
MOST_CUTS = 255
# Where all columns together allow fewer bins than this for each, there are none.
LEAST_BINS = 3
# Width of a step, in spreads of its column, unless the next split is nearer.
STEP = 0.2


class Bins(NamedTuple):
    """How columns of numbers are cut into bins.

    by : "quantiles" and "splits" cut the range of the column into adjoining bins; "steps" has a narrow one around each split.
    least, most : bins per column; one that would have fewer than `least` gets none.
    together : bins of all columns, at most: cost grows with them, so many columns get fewer bins each, or none.
    """

    by: str
    least: int
    most: int
    together: int

    def words(self):
        """For a person who reads along."""
        return f"at most {self.most} bins per column, {'by' if self.by == 'quantiles' else 'at'} {self.by}"

    def ramps(self, X, columns, scale, rows=None, weights=None, strata=None):
        """Intervals (b, 2), rising, of the bins of each of these columns of X: a list of arrays, empty for a column of none.

        scale : ndarray, the spread of each column; rows : indices of the rows to take them from, or None for all;
        weights : ndarray (n,) or None; strata : ndarray (n,), what splits are to tell apart.
        """
        most = min(self.most, self.together // max(1, len(columns)))
        if most < min(self.most, LEAST_BINS):
            return [np.empty((0, 2))] * len(columns)
        n_rows = X.shape[0] if rows is None else len(rows)
        if n_rows > MOST_ROWS:
            sampled = sample(n_rows, MOST_ROWS)
            rows = sampled if rows is None else rows[sampled]
        if rows is not None:
            X, weights, strata = (None if array is None else array[rows] for array in (X, weights, strata))
        X = X.tocsc() if sparse.issparse(X) else X
        edges = []
        per_column = X.shape[0] if self.by == "quantiles" else max(X.shape[0], MOST_CUTS * len(np.unique(strata)))
        for some in blocks(len(columns), BLOCK_VALUES // per_column):
            x = X[:, columns[some]]
            x = x.toarray() if sparse.issparse(x) else x
            edges += self._edges(x, most, weights, strata)
        ramps = [steps(of_column, STEP * width) if self.by == "steps" else adjoining(of_column)
                 for of_column, width in zip(edges, scale)]
        return [of_column if len(of_column) >= self.least else of_column[:0] for of_column in ramps]

    def _edges(self, x, most, weights, strata):
        there = x == x
        if there.all():
            return quantile_edges(x, most, weights) if self.by == "quantiles" else split_edges(x, strata, most, weights)
        edges = []
        for j, rows in enumerate(there.T):  # each without its gaps
            of_rows = [None if array is None else array[rows] for array in (weights, strata)]
            edges += self._edges(x[rows, j : j + 1], most, *of_rows) if rows.any() else [np.empty(0)]
        return edges


def adjoining(edges):
    """The intervals between these edges."""
    return np.column_stack([edges[:-1], edges[1:]]).astype(np.float64)


def steps(edges, width):
    """Intervals of this width around the inner edges; narrower where the next edge is nearer."""
    edges = edges.astype(np.float64)
    gaps = np.diff(edges)
    half = np.minimum(width, np.minimum(gaps[:-1], gaps[1:])) / 2
    return np.column_stack([edges[1:-1] - half, edges[1:-1] + half])


def split_edges(x, strata, n, weights=None):
    """For each column of x its least and greatest value, and between them the thresholds of a tree of at most n leaves.

    The tree grows as DecisionTreeClassifier(max_leaf_nodes=n) does, best split first by the decrease of Gini's impurity, on all
    columns at once and with the quantiles of a column as thresholds: a tree per column would take longer than the training.
    """
    n_rows, m = x.shape
    ids = np.unique(strata, return_inverse=True)[1]
    k, rising = ids.max() + 1, np.sort(x, axis=0)
    at = np.unique(np.arange(1, MOST_CUTS + 1) * n_rows // (MOST_CUTS + 1))
    cuts, columns = rising[at[at < n_rows]], np.arange(m)  # (p, m): x <= cut goes to the left
    if not len(cuts):
        return list(rising[[0, -1]].T)
    beyond = [np.searchsorted(rising[:, j], cuts[:, j], side="right") for j in columns]
    above = [np.searchsorted(cuts[:, j], x[:, j]) + j * (len(cuts) + 1) for j in columns]  # how many cuts a row is above
    cells = (np.stack(above, axis=1) * k + ids[:, None]).ravel()
    repeated = None if weights is None else np.repeat(weights, m)
    below = np.bincount(cells, repeated, m * (len(cuts) + 1) * k).reshape(m, -1, k).cumsum(axis=1)
    # For each cut the leaf that it lies in: which one, and the counts of classes below its start, below the cut, below its end.
    leaf, start, end, below = np.zeros((m, len(cuts)), dtype=int), np.zeros((m, len(cuts), k)), below[:, -1:], below[:, :-1]
    end, is_threshold = np.broadcast_to(end, below.shape).copy(), np.zeros(leaf.shape, dtype=bool)
    for new_leaf in range(1, n):
        left, right = below - start, end - below
        n_left, n_right = left.sum(axis=2), right.sum(axis=2)
        room = np.minimum(n_left, n_right) >= LEAST_LEAF
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = ((left**2).sum(axis=2) / n_left + (right**2).sum(axis=2) / n_right
                    - ((left + right) ** 2).sum(axis=2) / (n_left + n_right))
        gain = np.where(room, gain, 0)
        best = gain.argmax(axis=1)
        gains = gain[columns, best] > 1e-9 * n_rows
        is_threshold[columns[gains], best[gains]] = True
        in_leaf = (leaf == leaf[columns, best][:, None]) & gains[:, None]
        further = np.arange(len(cuts)) > best[:, None]
        value = np.broadcast_to(below[columns, best][:, None], below.shape)
        start, end = (
            np.where((in_leaf & further)[:, :, None], value, start), np.where((in_leaf & ~further)[:, :, None], value, end))
        leaf[in_leaf & further] = new_leaf
    found = []
    for j in columns:
        lower = cuts[is_threshold[j], j]
        upper = rising[beyond[j][is_threshold[j]], j]
        found.append(np.unique(np.concatenate([rising[[0, -1], j], lower + (upper - lower) / 2])))
    return found


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

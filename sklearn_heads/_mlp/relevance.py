"""How much each input tells about the labels on its own, and how fast its weights learn therefore.

A network overfits columns that do not matter as readily as it learns those that do: Adam moves every weight by about the rate
per step, however little its gradient says. Boosted trees leave such columns alone. Here the weights of an input that tells less
begin smaller and take smaller steps, by the factor

    max(FLOOR, sqrt(I_j / max I))

with I_j the mutual information of input j, its values cut into bins, and each label, summed over the labels. For Adam this is the
same as an encoded input multiplied by its factor f: of W = f V, Adam moves V by the rate, whatever f. So the encoding and the
trained network stay plain, and prediction knows nothing of it.

An input that matters only together with others tells nothing on its own; its weights learn slowly, at FLOOR, but they do. Where
no input tells anything, all tell equally little, and all learn equally fast.
"""
from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import rel_entr

from sklearn_heads._mlp.bins import MOST_ROWS, quantiles
from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks, sample
from sklearn_heads._mlp.categories import codes_of
from sklearn_heads._mlp.tables import Table
from sklearn_heads._sklearn.labels import UNKNOWN

# Of a column: enough for effects that come and go, few enough that chance tells little.
BINS = 12
FLOOR = 0.1
# Values that are looked at, at most: their cells take some ten times the memory of a value.
MOST_VALUES = 2**22
# A sparse column of more zeros than this has all quantiles but the last at zero: its bins are up to zero, and above.
MOSTLY_ZERO = 0.95


class Relevance:
    """How much the inputs of an encoding tell about the labels, for one choice of the rows after another.

    Parameters
    ----------
    encoding : InputEncoding, "piecewise"
    X : the rows that it was fitted on
    labels : ndarray (n, k) of 0 absent, 1 present and UNKNOWN, or the ids (n,) of classes
    weights : ndarray (n,), or (n, k) for the entries of the label matrix, or None
    of_rows : ndarray (n,), or None, the weights that statistics of X were taken with
    """

    def __init__(self, encoding, X, labels, weights=None, of_rows=None):
        per_row = X.nnz // X.shape[0] if sparse.issparse(X) else X.shape[1]
        self.rows = sample(X.shape[0], max(1, min(MOST_ROWS, MOST_VALUES // max(1, per_row))))
        if len(self.rows) < X.shape[0]:
            X, labels = X[self.rows], labels[self.rows]
            weights, of_rows = (given if given is None else given[self.rows] for given in (weights, of_rows))
        n = len(self.rows)
        self.weights = np.ones((n, 1)) if weights is None else weights.reshape(n, -1)
        if labels.ndim == 1:
            self.present = sparse.csr_array((np.ones(n), labels, np.arange(n + 1)))
        else:
            self.present = sparse.csr_array(labels == 1, dtype=np.float64)
            if (labels == UNKNOWN).any():
                self.weights = self.weights * (labels != UNKNOWN)
        self.sizes, self.cells = cells(encoding, X, of_rows)

    @classmethod
    def of(cls, encoding, X, head, targets, of_rows):
        """That of the labels and weights of these Targets; None of an encoding that leaves X as it is, or scales it only."""
        if encoding.kind != "piecewise":
            return None
        [labels] = head.kernel_targets(targets.encoded).values()
        return cls(encoding, X, labels, targets.weights if targets.entry_weights is None else targets.entry_weights, of_rows)

    def factors(self, encoding, chosen):
        """The factor of each input of this encoding, which may have other bins than the first, ndarray (width,).

        chosen : indices of the rows that may have a say.
        """
        told = self.information(np.isin(self.rows, chosen))
        most = told.max(initial=0)
        factors = np.maximum(FLOOR, np.sqrt(told / most)) if most > 0 else np.ones(len(told))
        return encoding.per_input(factors[: len(encoding.numeric_)], factors[len(encoding.numeric_) :])

    def information(self, chosen):
        """Mutual information in nats of the labels and each column of numbers, each gap indicator and each look-up.

        With n the weight of the rows in a cell, p that of those among them that have the label, and q the share of all rows that
        have it, a cell tells p log(p / n q) + (n - p) log((n - p) / n (1 - q)), over the weight of all rows.
        """
        weights = self.weights * chosen[:, None]
        present = (self.present * weights).tocsr()
        all_n, all_p = weights.sum(axis=0), present.sum(axis=0)
        first, found = np.concatenate([[0], np.cumsum(self.sizes)]), np.zeros(len(self.sizes))
        with np.errstate(invalid="ignore"):
            share = np.nan_to_num(all_p / all_n)

        def told(n, p):
            n = np.maximum(n, 0)  # what is left of sums may be less, by rounding
            p = np.clip(p, 0, n)
            return rel_entr(p, n * share) + rel_entr(n - p, n * (1 - share))

        for some in blocks(len(found), BLOCK_VALUES // (BINS * len(all_p))):
            starts, end = first[:-1][some], first[1:][some][-1]
            counted = self.cells[starts[0] : end]
            n, p = counted @ weights, (counted @ present).toarray()
            starts = starts - starts[0]
            of_rest = told(all_n - np.add.reduceat(n, starts), all_p - np.add.reduceat(p, starts))
            of_all = np.add.reduceat(told(n, p), starts) + of_rest
            found[some] = (of_all / np.maximum(all_n, np.finfo(float).tiny)).sum(axis=1).clip(0)  # less, by rounding
        return found


def cells(encoding, X, weights=None):
    """How many cells each input has, and the rows in each cell, a CSR array of ones (cells, n).

    The inputs are the columns of numbers with their bins, the gap indicators and the look-ups. Rows that are in none of an
    input's cells make up a further one.
    """
    sizes, cell, row = [], [], []
    for more, of_row, rows in pieces(encoding, X, weights):
        cell.append(of_row + sum(sizes))
        row.append(rows)
        sizes += more
    cell, row = np.concatenate(cell), np.concatenate(row)
    return np.array(sizes), sparse.csr_array((np.ones(len(cell)), (cell, row)), shape=(sum(sizes), X.shape[0]))


def pieces(encoding, X, weights):
    """Of one column after another, or of several look-ups: the number of cells of each input, the cells of rows, these rows."""
    numbers = X.numbers if isinstance(X, Table) else X
    numbers = numbers.tocsc() if sparse.issparse(numbers) else numbers
    for j in range(numbers.shape[1]):
        yield column(numbers, j, weights)
    for j in encoding.gaps_:
        rows = np.flatnonzero(numbers[:, j] != numbers[:, j])
        yield [1], np.zeros_like(rows), rows
    if encoding.lookups_:
        codes = codes_of(X, encoding.lookups_)
        row, place = np.nonzero(codes >= 0)
        yield [1] * (len(encoding.indicator_mean_) - len(encoding.gaps_)), codes[row, place], row


def column(numbers, j, weights):
    """The same of a column of numbers: its cells are its bins, and gaps the further one."""
    if sparse.issparse(numbers):
        stored = slice(*numbers.indptr[j : j + 2])
        rows, x = numbers.indices[stored], numbers.data[stored]
        weight, of_all = (np.count_nonzero(x), numbers.shape[0]) if weights is None else (weights[rows] @ (x != 0), weights.sum())
        if weight < (1 - MOSTLY_ZERO) * of_all:
            return [1], np.zeros(np.count_nonzero(x > 0), dtype=np.intp), rows[x > 0]
        numbers, j = numbers[:, [j]].toarray(), 0
    x = numbers[:, j]
    rows = np.flatnonzero(x == x)
    if not len(rows):
        return [1], rows, rows
    x = x[rows]
    edges = np.unique(quantiles(x[:, None], BINS, None if weights is None else weights[rows])[1:-1])
    return [len(edges) + 1], np.searchsorted(edges, x), rows

"""Rows that arrive in portions: what `partial_fit` has to know of those before.

Weights are divided by the mean of all weights so far, not of each portion, where it would undo them.

Statistics of X and class frequencies are learnt from the first FIRST_ROWS rows, which are kept until then. Whenever the rows
have doubled, and at FIRST_ROWS for the last time, the encoding is fitted anew; then the network starts anew as well, from the
same random numbers, and makes its passes over the kept portions again, in the order in which they came. So it never has to
live with statistics of one row, nothing it has learnt is distorted, and all of this costs about two passes over FIRST_ROWS rows.
"""
from __future__ import annotations

from copy import deepcopy
from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_heads._mlp.tables import Table
from sklearn_heads._mlp.targets import Targets, joined_weights

FIRST_ROWS = 1000
FIRST_VALUES = 10**7  # of X: of more than 10,000 columns fewer rows are kept


class Portion(NamedTuple):
    """The rows of one call.

    targets : Targets, with weights in units of `unit`
    weights : the sample weights alone, in the same units, or None
    """

    X: object
    targets: Targets
    weights: np.ndarray | None
    unit: float

    def in_units_of(self, weight):
        """With weights divided by this one."""
        ratio = weight / self.unit
        weights = Targets(self.targets.encoded, self.weights).divided_by(ratio).weights
        return Portion(self.X, self.targets.divided_by(ratio), weights, weight)


class Stream(NamedTuple):
    """The portions so far.

    n_rows, mean_weight : of all rows so far, class weights included
    first : tuple of Portions, the first rows, as long as they are learnt from; else None
    fitted_on : number of rows that the encoding and the initial biases come from
    seed : int, of the network's random stream
    """

    n_rows: int = 0
    mean_weight: float = 0.0
    first: tuple[Portion, ...] | None = None
    fitted_on: int = 0
    seed: int | None = None

    def joined_by(self, portion):
        """With one portion more, and the portions to pass over: this one, or, where the network starts anew, all of them."""
        n = portion.X.shape[0]
        n_rows = self.n_rows + n
        mean = self.mean_weight + (portion.unit * portion.targets.mean_weight - self.mean_weight) * (n / n_rows)
        stream = self._replace(n_rows=n_rows, mean_weight=mean)
        if self.first is None:
            return stream, [portion]
        enough = n_rows >= min(FIRST_ROWS, max(1, FIRST_VALUES // portion.X.shape[1]))
        passes = [*self.first, portion]
        starts_anew = enough or n_rows >= 2 * self.fitted_on
        stream = stream._replace(
            first=None if enough else (*self.first, deepcopy(portion)),  # the caller may write over the arrays
            fitted_on=n_rows if starts_anew else self.fitted_on,
        )
        return stream, passes if starts_anew else [portion]

    def ended(self):
        """Without rows to learn statistics from: what the network has learnt, or was given, stays."""
        return self._replace(first=None)


def together(portions):
    """Portions of the same units as one: X, targets and sample weights."""
    if len(portions) == 1:
        return portions[0].X, portions[0].targets, portions[0].weights
    Xs = [portion.X for portion in portions]
    if isinstance(Xs[0], Table):
        X = Table.joined(Xs)
    elif all(sparse.issparse(X) for X in Xs):
        X = sparse.vstack(Xs, format="csr")
    else:
        X = np.concatenate([X.toarray() if sparse.issparse(X) else X for X in Xs])
    weights = joined_weights([portion.weights for portion in portions], [part.shape[0] for part in Xs])
    return X, Targets.joined([portion.targets for portion in portions]), weights

"""What a search is to `bagging.aggregate`: the base of all problems, and the held-out rows they are made from."""

from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._search.constraints import UNCONSTRAINED


class Held(NamedTuple):
    """Held-out rows, of positive weight.

    scores and codes are in the layout of their kind of labels (`_kinds.py`); folds number the parts that were held out
    together; method gave the scores. Of a matrix of labels, known (n, L) says where a label is known (None: everywhere), and
    names are those of the labels.
    """

    scores: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    folds: np.ndarray
    method: str
    known: np.ndarray | None = None
    names: list | None = None

    @property
    def default_threshold(self) -> float:
        return 0.5 if self.method == "predict_proba" else 0.0


class Problem:
    """A metric to be maximised on held-out rows, of which a replicate draws row i `counts[i]` times (uint8).

    A subclass has `search`, `evaluate`, `average` (of solutions of shape (m, ...), one solution), `parameters` (of
    solutions: thresholds or biases on the last axis), `curve` and `failure` (why `search` found nothing on all rows);
    and, unless `move_together`, `coordinates` of a solution, whose means over replicates are what `average` compares, and
    evaluate_rows(means, counts), the metric when each row is decided by means (n, c) of its own. One that takes
    `constraints` has table(solution, counts) and table_of_rows(means, counts), the counts tp, fp, P and N, too.

    Attributes
    ----------
    solver : {"exact", "coordinate", "grid"}
    move_together : bool
        Whether parameters mean something only beside each other, as biases do: then a row has no mean of its own to be
        decided by, and how far one parameter is from the classifier's own says little.
    """

    solver = "exact"
    move_together = False
    constraints = UNCONSTRAINED

    def arrange(self, folds: np.ndarray) -> np.ndarray:
        """Fold numbers in the order in which the problem keeps its rows, which is that of counts: here the user's."""
        return folds

    def search(self, counts: np.ndarray):
        """The best solution on a replicate, None where there is none."""
        raise NotImplementedError

    def search_near(self, solution, counts: np.ndarray):
        """The best on a replicate, where the solution on all rows may help: an exact search has no use for it."""
        return self.search(counts)

    def solution(self, parameters: np.ndarray):
        """What decides as these parameters do, at the nearest allowed positions."""
        raise NotImplementedError

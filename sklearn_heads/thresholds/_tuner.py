"""ThresholdTuner: any classifier, with the thresholds that a metric calls for."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import _safe_indexing, check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_heads._sklearn.callbacks import CallbackSupportMixin, Fits, with_callbacks
from sklearn_heads._sklearn.notebook import Documented
from sklearn_heads._sklearn.rollback import nothing_lost
from sklearn_heads._sklearn.versions import Versioned
from sklearn_heads.thresholds import _checks as checks
from sklearn_heads.thresholds._heldout import PREFIT, fit_and_score, is_word
from sklearn_heads.thresholds._objective import as_scorer, as_triples, parse
from sklearn_heads.thresholds._routing import route
from sklearn_heads.thresholds._scores import Reader, check_finite, score_method
from sklearn_heads.thresholds._search.bagging import aggregate
from sklearn_heads.thresholds._search.grid import MOST_BOOTSTRAPS, Judge
from sklearn_heads.thresholds._search.problem import Held

# What is parsed, and kept for the display: parameters may be set anew after a fit.
ASKED = ("scoring", "cost_matrix", "constraint", "confidence", "strategy", "pos_label")
# What a fit may leave behind, and the next one may not.
STALE = (
    "best_threshold_", "thresholds_", "class_bias_", "cv_results_", "constraint_score_", "constraint_interval_", "promised_",
    "promise_is_exact_", "label_names_",
)


def _inner_has(method: str):
    return available_if(lambda tuner: hasattr(getattr(tuner, "estimator_", tuner.estimator), method))


class ThresholdTuner(Versioned, Documented, ClassifierMixin, MetaEstimatorMixin, CallbackSupportMixin, BaseEstimator):
    """Classifier whose decision thresholds maximise a metric, searched exactly and averaged to be stable.

    Held-out scores of the training rows come from cross-validation; the threshold that maximises the metric on them is found
    by one sort and one sweep over the distinct scores, repeated on bootstraps of the rows, and the bootstraps' alert
    counts are averaged. A row is positive when its score reaches the threshold. Takes two classes (one threshold), a 0/1
    matrix of labels (one threshold per label) and several classes (one bias per class, added to the log-probability before the
    argmax).

    Parameters
    ----------
    estimator : classifier
        With `predict_proba` or `decision_function`; fitted if cv="prefit".
    scoring : str or scorer, default="balanced_accuracy"
        A scikit-learn name, "cohen_kappa", "geometric_mean", "specificity", or a scorer. Metrics of the table in
        docs/thresholds.md are searched exactly; any other scorer is called at no more than 200 thresholds (10 bootstraps).
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        Where scores come from; "auto" prefers probabilities.
    thresholds : "all", int or array-like, default="all"
        Thresholds to choose from: all distinct ones, that many quantiles of the scores, or these, in any order.
    constraint : (metric, ">=" or "<=", bound), or a list of them, default=None
        Such as ("precision", ">=", 0.9) or ("alert_rate", "<=", 0.05); for macro and weighted averages to be met by
        each label. "mean_cost" is that of `cost_matrix`, beside which `scoring` may then name what is maximised.
    confidence : float, default=None
        None: the constraint is met on the held-out rows, and on new rows about every other time. Between 0 and 1: it holds on
        new rows of the same kind with at least this probability over the held-out rows (several constraints: all at once), by
        exact binomial tests; of the thresholds that pass, the one with the best metric. For precision, false_discovery_rate,
        recall, specificity, false_positive_rate, alert_rate, accuracy and mean_cost (by the Hoeffding-Bentkus bound, exact for
        two distinct costs). Exact where the estimator that predicts has not seen the held-out rows: cv="prefit", or a float cv
        with refit=False; else an approximation (`promise_is_exact_`). sample_weight must be whole numbers.
    cost_matrix : array-like of shape (K, K), default=None
        cost_matrix[i][j] is the cost of predicting class j for a row of class i, in the order of `classes_` (words: of the
        alphabet). Minimised instead of a metric; for labels of shape (2, 2), the same for each.
    aggregate : {"bagged", "pooled", "fold_mean", "expected"}, default="bagged"
        "bagged" averages over bootstraps; for accuracy and balanced accuracy, and for several classes unless a cost is
        minimised, it keeps the classifier's own decision (0.5, 0, argmax) where that scores as well out of bag, 0.5 and 0
        only if they are within `threshold_std_` of the threshold.
        "pooled" takes the optimum on all held-out rows, "fold_mean" averages over folds, "expected" believes the
        probabilities and ignores the labels: best if they are calibrated, bad if not.
    n_bootstraps : int, default=50
        Bootstraps that "bagged" averages over.
    n_restarts : int, default=10
        Random starts of coordinate ascent (several classes, averages over rows), beside 0.5 or argmax.
    min_positives : int, default=5
        Labels with fewer positive (or negative) rows share one threshold, with a warning.
    strategy : {"per_label", "simultaneous", "global"}, default="per_label"
        One threshold per label, or one for all labels. With `confidence`, "per_label" promises each label its constraint with
        that confidence; "simultaneous" promises all labels theirs at once, each tested at its share of what is left.
    pos_label : default=None
        The positive class; needed for metrics that depend on it unless the scorer has it or the class is 1.
    cv : int, float, splitter, iterable, "prefit" or "oof", default=None
        As in TunedThresholdClassifierCV: stratified 5 folds, a share held out once, ..., "prefit" to tune a fitted
        estimator on other rows. "oof": the estimator is fitted once and leaves out-of-fold probabilities behind
        (`store_oof`).
    refit : bool, default=True
        Whether to fit on all rows; False for "prefit" or a single held-out part.
    n_jobs : int, default=None
        Folds fitted at once.
    random_state : int, RandomState or None, default=None
        For bootstraps and restarts (None: the same ones each time) and a float cv.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`.

    Attributes
    ----------
    estimator_ : classifier
    best_threshold_ : float
        Two classes: the threshold. Below or above all scores where it is best to predict one class always.
    thresholds_ : ndarray of shape (L,)
        Labels: the thresholds.
    class_bias_ : ndarray of shape (K,)
        Several classes: biases of mean 0.
    threshold_std_ : float or ndarray
        Standard error of these: over bootstraps, of the mean over folds, or by the jackknife over folds.
    constraint_score_ : float or ndarray
        The constrained metric to expect on new rows, estimated as `best_score_` is; of shape (J,) for a list of J constraints,
        (L,) or (J, L) for labels.
    constraint_interval_ : ndarray of shape (2,), (J, 2), (L, 2) or (J, L, 2)
        Exact interval of it (Clopper-Pearson) at the threshold, on the held-out rows; each end holds with the confidence (0.95
        without one) by itself, for a threshold fixed beforehand. NaN where the metric is no share of rows (f1), or weights are
        not whole.
    promised_ : ndarray of shape (runs, 2), or a list of them for labels
        With `confidence`: any threshold above a run's first number, up to its second, keeps the promise.
    promise_is_exact_ : bool
        With `confidence`: whether the predicting estimator has not seen the held-out rows.
    best_score_ : float
        The metric, or minus the mean cost, to expect on new rows, never the maximum on rows seen: each row is decided by the
        average over the bootstraps that left it out (biases and folds: the mean score of each solution on the rows it left out).
    cv_results_ : dict
        "thresholds" and "scores" on the held-out rows: every threshold, increasing; lists of them for labels; for several
        classes the biases of each start.
    solver_ : {"exact", "coordinate", "grid"}
    label_names_ : ndarray of shape (L,)
        Columns of the frame that y came in, if they are strings.
    classes_, n_features_in_, feature_names_in_ : ndarray, int, ndarray
        The estimator's.

    References
    ----------
    Lipton, Elkan and Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1 measure. Pillai, Fumera
    and Roli (2013), Threshold optimisation for multi-label classifiers. Dinkelbach (1967), On nonlinear fractional
    programming. Angelopoulos, Bates, Candes, Jordan and Lei (2021), Learn then test. Clopper and Pearson (1934), The use of
    confidence or fiducial limits.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_heads import ThresholdTuner
    >>> X, y = make_classification(2000, weights=[0.95], random_state=0)
    >>> tuner = ThresholdTuner(LogisticRegression(), scoring="f1", random_state=0).fit(X, y)
    >>> bool(tuner.best_threshold_ < 0.5)
    True
    """

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: Any = "balanced_accuracy",
        response_method: str = "auto",
        thresholds: Any = "all",
        constraint: Any = None,
        confidence: float | None = None,
        cost_matrix: Any = None,
        aggregate: str = "bagged",
        n_bootstraps: int = 50,
        n_restarts: int = 10,
        min_positives: int = 5,
        strategy: str = "per_label",
        pos_label: Any = None,
        cv: Any = None,
        refit: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        store_cv_results: bool = False,
    ):
        self.estimator = estimator
        self.scoring = scoring
        self.response_method = response_method
        self.thresholds = thresholds
        self.constraint = constraint
        self.confidence = confidence
        self.cost_matrix = cost_matrix
        self.aggregate = aggregate
        self.n_bootstraps = n_bootstraps
        self.n_restarts = n_restarts
        self.min_positives = min_positives
        self.strategy = strategy
        self.pos_label = pos_label
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.store_cv_results = store_cv_results

    @nothing_lost
    @with_callbacks
    def fit(self, X: Any, y: Any, **params: Any) -> "ThresholdTuner":
        """Fit the estimator and tune its thresholds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, d)
            Training data, as the estimator takes it.
        y : array-like of shape (n,) or (n, L)
            Labels: two classes, several classes, or a 0/1 matrix of L labels; in any container, sparse matrices and frames
            among them. NaN in a matrix means that a label is not known: thresholds and scores are of the known ones.
        **params : dict
            `sample_weight` of shape (n,) goes to the estimator's fit (where it takes it) and to the metric. Under
            metadata routing, each argument goes to those of the estimator, the splitter and the scorer that request it.

        Returns
        -------
        self : ThresholdTuner
        """
        checks.check_params(self)
        X, y = indexable(X, y)
        kind, y = checks.check_target(y)
        if self._is_prefit():
            kind = kind.fitted(self.estimator)
        method = score_method(self.estimator, self.response_method)
        candidates = checks.check_thresholds(self.thresholds, kind)
        asked = {name: getattr(self, name) for name in ASKED}
        kind, objective, constraints = parse(asked, kind, self.estimator)
        checks.check_plug_in(self.aggregate, objective, method)
        checks.check_gaps(y, objective)
        routed = route(self, objective.scorer, params)
        weight = checks.check_weight(routed.weight, y)

        fits, read = Fits(self, X, y), Reader(kind, method)
        estimator, rows, folds, scores = fit_and_score(self, X, y, kind, routed, read, fits)
        checks.check_scores(scores, folds)
        if not weight.all():
            kept = weight[rows] > 0
            rows, folds, scores = np.arange(len(y))[rows][kept], folds[kept], scores[kept]
        if constraints.confidence is not None:
            checks.check_countable(rows, weight[rows])
        held = Held(scores, kind.encode(y[rows]), weight[rows], folds, method, kind.known(y[rows]), kind.names)
        judge = None
        if objective.metric is None:
            rows = np.arange(len(y))[rows]
            arguments = {name: _safe_indexing(value, rows) for name, value in routed.score.items()}
            judge = Judge(
                objective.scorer, _safe_indexing(X, rows), y[rows], estimator.classes_, arguments, kind.decode
            )
        # Tuned twice, the same rows give the same threshold.
        rng = check_random_state(0 if self.random_state is None else self.random_state)
        if constraints.confidence is not None:
            n_labels = held.scores[0].size if self.strategy == "simultaneous" else 1
            constraints = constraints._replace(n_labels=n_labels, seed=rng.randint(2**31 - 1))
        problem = kind.problem(self, held, objective, constraints, candidates, judge, rng)
        n_bootstraps = self.n_bootstraps if judge is None else min(self.n_bootstraps, MOST_BOOTSTRAPS)
        # A constraint and given thresholds are the user's; the classifier's own threshold need not be among them.
        free = not constraints.each and candidates is None
        own = kind.own_decision(held) if free and kind.keeps_own_decision(objective) else None
        tuned = aggregate(problem, self.aggregate, held.folds, n_bootstraps, rng, own)
        if tuned is None:
            raise ValueError(problem.failure())
        self.estimator_, self._read, self._asked = estimator, read, asked
        self._publish(problem, tuned)
        if constraints.each:
            self._publish_constraints(problem, tuned, rows, len(held.weight))
        fits.end()
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Labels at the tuned thresholds: positive where the score reaches the threshold, or the largest biased log-probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, d)

        Returns
        -------
        labels : ndarray of shape (n,) or (n, L)
        """
        margin, kind = self._margin(X), self._read.kind
        return kind.decode(kind.decide(margin))

    def decision_function(self, X: Any) -> np.ndarray:
        """Margin over the threshold, in the units of the scores: `predict` is its sign, or its argmax.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, d)

        Returns
        -------
        margin : ndarray
            (n,) score minus threshold, positive towards `classes_[1]`; (n, L) the same per label; (n, K) log-probability plus
            bias.
        """
        margin = self._margin(X)
        return self._read.kind.towards_last(margin)

    @_inner_has("predict_proba")
    def predict_proba(self, X: Any) -> Any:
        """The estimator's own probabilities, untouched by the thresholds."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X)

    @_inner_has("predict_log_proba")
    def predict_log_proba(self, X: Any) -> Any:
        """The estimator's own log-probabilities, untouched by the thresholds."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_log_proba(X)

    @property
    def classes_(self) -> Any:
        """The estimator's classes."""
        return self.estimator_.classes_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "solver_")

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
            tags.classifier_tags.multi_label = inner.classifier_tags.multi_label
        return tags

    def get_metadata_routing(self) -> MetadataRouter:
        """How the arguments of fit reach the estimator, the splitter and the scorer."""
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=to_fit)
        router.add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        scorer = None if self.cost_matrix is not None else as_scorer(self.scoring, self.estimator)
        if scorer is None or isinstance(scorer, str):
            return router
        return router.add(scorer=scorer, method_mapping=MethodMapping().add(caller="fit", callee="score"))

    def _is_prefit(self) -> bool:
        if not is_word(self.cv, PREFIT):
            return False
        if self.refit:
            raise ValueError("When cv='prefit', refit cannot be True: pass refit=False to tune the estimator as it is.")
        try:
            check_is_fitted(self.estimator, "classes_")
        except NotFittedError as error:
            raise NotFittedError(
                "When cv='prefit', `estimator` must be fitted. Fit it first, on other rows, or use cv=5."
            ) from error
        return True

    def _margin(self, X):
        check_is_fitted(self)
        scores, kind = self._read(self.estimator_, X), self._read.kind
        check_finite(scores, "for the rows to predict")
        return kind.margin(scores, self._read.method, getattr(self, kind.attribute))

    def _publish(self, problem, tuned):
        kind = self._read.kind
        for stale in STALE:
            vars(self).pop(stale, None)
        if getattr(kind, "named", False):
            self.label_names_ = np.array(kind.names, dtype=object)
        setattr(self, kind.attribute, kind.publish(tuned.parameters))
        self.threshold_std_, self.best_score_, self.solver_ = kind.publish(tuned.std), tuned.score, problem.solver
        if self.store_cv_results:
            self.cv_results_ = problem.curve()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))

    def _publish_constraints(self, problem, tuned, rows, n):
        constraints, alone = problem.constraints, as_triples(self.constraint)[0] is self.constraint
        once = np.ones(n, np.uint8)
        if not isinstance(rows, slice):
            # A row that was held out several times was seen once.
            once[:] = 0
            once[np.unique(rows, return_index=True)[1]] = 1
        table = problem.table(problem.solution(tuned.parameters), problem.arrange(once))
        score, interval = tuned.constrained, constraints.intervals(*table)
        self.constraint_score_, self.constraint_interval_ = (score[0], interval[0]) if alone else (score, interval)
        if constraints.confidence is not None:
            self.promised_ = problem.promised if self._read.kind.classes is not None else list(problem.promised)
            self.promise_is_exact_ = is_word(self.cv, PREFIT) or not self.refit

"""Are promises kept, and what do they cost? Broken ones counted where the truth is known; recall beside others'.

    python benchmarks/bench_promises.py [--only cells,kinds,real,time] [--data FOLDER] [--repetitions 400] [--json FILE]
        [--prevalences 0.005] [--positives 20,100,500] [--scores tied] [--peers]

cells: precision >= 0.9, recall to be maximised. Scores of two normal distributions so far apart that the threshold at which
    precision is 0.9 has a recall of 0.745 ("the oracle"); probabilities that are calibrated, over-confident (log-odds times
    three), or tied (log-odds in steps of two). A repetition draws rows, finds the loosest threshold that can be promised, and
    looks up its true precision and recall. "cannot" is the share in which nothing can be promised; such a repetition breaks
    no promise and has recall 0. With --peers, on 40 repetitions: the tuner without a confidence and MAPIE (the extra `bench`);
    on 20 TunedThresholdClassifierCV with a scorer that is recall where the precision of the rows seen is 0.9.
kinds: the other constraints, the same scores at 5% positives, 2,000 rows.
real: FOLDER/*.npz with X (n, d) and y (n,), 1 the rare class. Logistic regression is fitted to a third of the rows; the others
    are the population: tuning rows are drawn from it with replacement, so its own precision is the truth. 200 draws for each
    set. "folds": rows are drawn from the population, the model is fitted to them, and its scores come from five folds: then the
    promise is an approximation.
time: one fit of the tuner on 100,000 rows, with the constraint, with a promise, and without either, in turn.
"""
import argparse
import json
from pathlib import Path

from common import interleaved, machine, report  # before numpy, which it holds to one thread
import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, precision_score, recall_score
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import ThresholdTuner
from sklearn_heads.thresholds._search.constraints import Constraint, Constraints
from sklearn_heads.thresholds._search.metrics import METRICS
from sklearn_heads.thresholds._search.ranking import Ranking

BOUND, ORACLE, CONFIDENCES = 0.9, 0.745, (0.9, 0.95)
SCORES = ("calibrated", "over-confident", "tied")
SETS = {"adult": 0.8, "magic": 0.8, "default_credit": 0.6, "spambase": 0.95, "mammography": 0.8, "churn": 0.5}
PREFIT = {"cv": "prefit", "refit": False}


class Echo(ClassifierMixin, BaseEstimator):
    """Its one feature is the probability."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


ECHO = Echo().fit(None, [0, 1])


class Population:
    """Normal scores, the positives' mean `distance` above, and probabilities made of them."""

    def __init__(self, prevalence, kind):
        alarm = prevalence * ORACLE * (1 - BOUND) / (BOUND * (1 - prevalence))
        self.prevalence, self.kind = prevalence, kind
        self.distance = norm.isf(alarm) - norm.isf(ORACLE)
        self.base = logit(prevalence) - self.distance**2 / 2

    def draw(self, n, rng):
        y = rng.random(n) < self.prevalence
        odds = self.distance * (rng.normal(size=n) + self.distance * y) + self.base
        if self.kind == "tied":
            odds = np.floor(odds / 2) * 2
        return expit(odds * self.slope)[:, None], y.astype(int)

    @property
    def slope(self):
        return 3 if self.kind == "over-confident" else 1

    def rates(self, threshold):
        """The true (recall, false-positive rate) of a threshold."""
        odds = logit(np.clip(threshold, 1e-300, 1 - 1e-16)) / self.slope if 0 < threshold <= 1 else np.inf * (threshold or -1)
        if self.kind == "tied":
            odds = np.ceil(odds / 2 - 1e-9) * 2
        score = (odds - self.base) / self.distance
        return norm.sf(score - self.distance), norm.sf(score)

    def true(self, threshold):
        """(precision, recall)."""
        recall, alarm = self.rates(threshold)
        hits = self.prevalence * recall
        return hits / max(hits + (1 - self.prevalence) * alarm, 1e-300), recall


def promise(estimator, X, y, **params):
    """The threshold, or None where nothing can be promised; `best` is that of the tuner."""
    params = {"scoring": "recall", "constraint": ("precision", ">=", BOUND), "random_state": 0} | PREFIT | params
    try:
        return ThresholdTuner(estimator, **params).fit(X, y)
    except ValueError as error:
        if "cannot be promised" in str(error) or "No threshold" in str(error):
            return None
        raise


def loosest(X, y):
    """The loosest threshold that can be promised, for each confidence: where recall is best. The search without its tuner."""
    ranking = Ranking(X[:, 0])
    pos, neg = ranking.split(y.astype(np.uint8), np.ones(len(y)))
    limit = Constraint(METRICS["precision"], 1, BOUND)
    masks = [Constraints((limit,), confidence).promised(ranking, pos, neg) for confidence in CONFIDENCES]
    return [float(ranking.threshold(ranking.positions[mask][-1])) if mask.any() else None for mask in masks]


def at_precision(y, predicted):
    """Recall, where the rows seen have the precision."""
    return recall_score(y, predicted) * (precision_score(y, predicted, zero_division=0) >= BOUND)


def by_peer(X, y):
    return TunedThresholdClassifierCV(ECHO, scoring=make_scorer(at_precision), **PREFIT).fit(X, y).best_threshold_


def by_mapie(X, y, confidence):
    from mapie.risk_control import BinaryClassificationController

    control = BinaryClassificationController(ECHO.predict_proba, "precision", target_level=BOUND, confidence_level=confidence)
    return control.calibrate(X, y).best_predict_param


def summary(population, found):
    """Broken promises, mean recall, and how often nothing could be promised."""
    true = np.array([(1.0, 0.0) if threshold is None else population.true(threshold) for threshold in found])
    return {
        "broken": float((true[:, 0] < BOUND).mean()), "recall": float(true[:, 1].mean()),
        "cannot": float(np.mean([threshold is None for threshold in found])), "repetitions": len(found),
    }


def cells(args):
    rows = []
    for kind in args.scores.split(","):
        for prevalence in map(float, args.prevalences.split(",")):
            population = Population(prevalence, kind)
            for positives in map(int, args.positives.split(",")):
                rng, n = np.random.default_rng(0), int(positives / prevalence)
                data = [population.draw(n, rng) for _ in range(args.repetitions)]
                data = [(X, y) for X, y in data if 0 < y.sum() < n]
                name, before = {"scores": kind, "prevalence": prevalence, "positives": positives}, len(rows)
                both = [loosest(X, y) for X, y in data]
                for confidence, found in zip(CONFIDENCES, zip(*both)):
                    rows.append(name | {"by": f"promise {confidence}"} | summary(population, found))
                if args.peers and kind == "calibrated":
                    some = data[:40]
                    found = [promise(ECHO, X, y) for X, y in some]
                    found = [None if tuner is None else tuner.best_threshold_ for tuner in found]
                    rows.append(name | {"by": "point estimate"} | summary(population, found))
                    for confidence in CONFIDENCES:
                        found = [by_mapie(X, y, confidence) for X, y in some]
                        rows.append(name | {"by": f"MAPIE {confidence}"} | summary(population, found))
                    if n <= 20_000:
                        found = [by_peer(X, y) for X, y in some[:20]]
                        rows.append(name | {"by": "peer"} | summary(population, found))
                report(f"{kind}, {prevalence}, {positives} positives", rows[before:])
    return rows


def kinds(args):
    """Every constraint, its bound what the oracle's threshold has, a little looser."""
    population, n, confidence, rows = Population(0.05, "calibrated"), 2000, 0.9, []
    costs = np.array([[0.0, 1.0], [20.0, 0.0]])
    share = population.prevalence

    def values(threshold):
        recall, alarm = population.rates(threshold)
        hits, alarms = share * recall, (1 - share) * alarm
        return {
            "precision": hits / (hits + alarms), "false_discovery_rate": alarms / (hits + alarms), "recall": recall,
            "specificity": 1 - alarm, "false_positive_rate": alarm, "alert_rate": hits + alarms,
            "accuracy": hits + 1 - share - alarms, "mean_cost": alarms + 20 * (share - hits),
        }

    target = values(0.5)
    bounds = {
        "precision": 0.95, "false_discovery_rate": 1.05, "recall": 0.9, "specificity": 0.998, "false_positive_rate": 1.3,
        "alert_rate": 1.1, "accuracy": 0.99, "mean_cost": 1.5,
    }
    for name, factor in bounds.items():
        upper = name in ("false_discovery_rate", "false_positive_rate", "alert_rate", "mean_cost")
        bound = target[name] * factor if name != "false_discovery_rate" else target[name] + 0.05
        params = {"constraint": (name, "<=" if upper else ">=", bound), "scoring": "f1"}
        if name == "mean_cost":
            params |= {"cost_matrix": costs}
        rng, broken, cannot = np.random.default_rng(1), 0, 0
        for _ in range(args.repetitions):
            tuner = promise(ECHO, *population.draw(n, rng), confidence=confidence, aggregate="pooled", **params)
            if tuner is None:
                cannot += 1
                continue
            value = values(tuner.best_threshold_)[name]
            broken += value > bound if upper else value < bound
        rows.append({
            "constraint": name, "bound": float(bound), "broken": float(broken / args.repetitions),
            "cannot": float(cannot / args.repetitions),
        })
    report(f"Other constraints, confidence {confidence}, {n:,} rows, 100 positives", rows)
    return rows


def real(args):
    rows = []
    for name, bound in SETS.items():
        path = Path(args.data) / f"{name}.npz"
        if not path.exists():
            continue
        data = np.load(path)
        X, y = data["X"], data["y"].astype(int)
        X_fit, X, y_fit, y = train_test_split(X, y, train_size=1 / 3, stratify=y, random_state=0)
        model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500)).fit(X_fit, y_fit)
        proba, m = model.predict_proba(X)[:, 1], 2000

        def of_population(proba, threshold):
            caught = proba >= threshold
            return y[caught].mean() if caught.any() else 0.0, caught[y == 1].mean()

        ranking = Ranking(proba)
        hits = np.append(0, np.cumsum(y[ranking.order]))[ranking.positions[1:]]
        best = max(hits[hits >= bound * ranking.positions[1:]], default=0) / y.sum()
        for confidence in (0.9, 0.95, None):
            rng, true = np.random.default_rng(0), []
            for _ in range(200):
                some = rng.integers(0, len(y), m)
                tuner = promise(
                    ECHO, proba[some, None], y[some], confidence=confidence, constraint=("precision", ">=", bound),
                )
                true.append((1.0, 0.0) if tuner is None else of_population(proba, tuner.best_threshold_))
            true = np.array(true)
            rows.append(_real_row(name, bound, f"prefit, {confidence}", true, best))
        rng, true = np.random.default_rng(0), []
        for _ in range(args.fold_draws):
            some = rng.choice(len(y), min(m, len(y) // 2), replace=False)
            tuner = promise(
                make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500)), X[some], y[some], cv=5,
                refit=True, confidence=0.9, constraint=("precision", ">=", bound),
            )
            rest = np.setdiff1d(np.arange(len(y)), some)
            if tuner is None:
                true.append((1.0, 0.0))
                continue
            caught = tuner.predict(X[rest]) == 1
            true.append((y[rest][caught].mean() if caught.any() else 0.0, caught[y[rest] == 1].mean()))
        rows.append(_real_row(name, bound, "folds, 0.9", np.array(true), best))
        report(name, rows[-4:])
    return rows


def _real_row(name, bound, by, true, best):
    return {
        "set": name, "bound": bound, "by": by, "broken": float((true[:, 0] < bound).mean()),
        "worst 5%": float(np.quantile(true[:, 0], 0.05)), "recall": float(true[:, 1].mean()),
        "cannot": float((true[:, 1] == 0).mean()), "population's best": float(best), "draws": len(true),
    }


def timing(args):
    X, y = Population(0.05, "calibrated").draw(100_000, np.random.default_rng(0))
    rows = []
    for aggregate in ("bagged", "pooled"):
        contestants = {
            "no constraint": {"constraint": None}, "constraint": {}, "promise": {"confidence": 0.95},
        }
        times = interleaved(
            {name: lambda p=params: promise(ECHO, X, y, aggregate=aggregate, scoring="f1", **p)
             for name, params in contestants.items()}, args.rounds,
        )
        rows.append({"aggregate": aggregate} | {f"{name}, ms": 1e3 * value for name, value in times.items()}
                    | {"promise / no constraint": times["promise"] / times["no constraint"]})
    report("Time of a fit, 100,000 rows", rows)
    return rows


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default="")
    options.add_argument("--repetitions", type=int, default=400)
    options.add_argument("--prevalences", default="0.5,0.05,0.005")
    options.add_argument("--positives", default="20,100,500")
    options.add_argument("--scores", default=",".join(SCORES))
    options.add_argument("--fold-draws", type=int, default=100)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--peers", action="store_true")
    options.add_argument("--only", default="cells,kinds,real,time")
    options.add_argument("--json", default="")
    args = options.parse_args()
    parts = {"cells": cells, "kinds": kinds, "real": real, "time": timing}
    results = {part: parts[part](args) for part in args.only.split(",") if part != "real" or args.data}
    if args.json:
        Path(args.json).write_text(json.dumps({"machine": machine(), **results}, indent=1))

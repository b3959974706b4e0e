"""ThresholdTuner against scikit-learn's TunedThresholdClassifierCV: time of the search, and score on unseen rows.

    python benchmarks/bench_thresholds.py --data FOLDER [--quick] [--json FILE]
    python benchmarks/bench_thresholds.py --labels [--quick]

FOLDER holds imbalanced data sets as .npz files with X (n, d) and y (n,), 1 the rare class. Without it only times are
taken.

--labels: time of our search for many labels, most of them rare.
Time: both tune an estimator that echoes its input, on the same rows, in turn, in one process; the least processor time of
several rounds.
Score: each data set is split in halves of rows, stratified, once a seed. A model is fitted six times on the first half:
without each of five folds, and on all of it. Both tuners get the same out-of-fold probabilities and decide the second
half by the same probabilities of the last fit, whatever the metric.
"""

import argparse
import itertools
import json
import time
import warnings
from functools import partial
from pathlib import Path

from common import machine  # before numpy, which it holds to one thread
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV, cross_val_predict, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import MLPBinary, ThresholdTuner
from sklearn_heads.thresholds._search.binary import BinaryThreshold
from sklearn_heads.thresholds._search.metrics import METRICS as EXACT

SETS = ("mammography", "coil2000", "sick", "yeast_me2")
FOLDS = StratifiedKFold(5)
METRICS = {"f1": f1_score, "balanced_accuracy": balanced_accuracy_score, "matthews_corrcoef": matthews_corrcoef}
TUNERS = {
    "untuned": None,
    "peer": lambda e, s, cv: TunedThresholdClassifierCV(e, scoring=s, cv=cv),
    "bagged": lambda e, s, cv: ThresholdTuner(e, scoring=s, cv=cv, random_state=0),
    "pooled": lambda e, s, cv: ThresholdTuner(e, scoring=s, cv=cv, aggregate="pooled", random_state=0),
}


def models(seed):
    """The classifiers; MLPBinary scales inside."""
    return {
        "logistic regression": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000)),
        "naive Bayes": make_pipeline(SimpleImputer(), StandardScaler(), GaussianNB()),
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=seed),
        "MLPBinary": make_pipeline(SimpleImputer(), MLPBinary(random_state=seed)),
    }


class Echo(ClassifierMixin, BaseEstimator):
    """Its two features are the probabilities: of a held-out row the out-of-fold ones, of a new row the refit's."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def two_columns(proba):
    """(n, 2) probabilities of both classes."""
    return np.column_stack([1 - proba, proba])


def best_times(rounds, contestants):
    """The least processor time of each callable, in ms, all run in turn: a busy machine is busy for all."""
    times = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: 1e3 * min(values) for name, values in times.items()}


def one_search(scores, labels, weight, counts):
    """From scores to the best position: the sort and one sweep."""
    return BinaryThreshold(scores, labels, labels, weight, EXACT["f1"]).search(counts)


def measure_times(sizes, rounds):
    """ms of fit with cv="prefit" for F1 at 5% positives, peer and ours; of our search alone; of np.sort."""
    rows = []
    for n in sizes:
        rng = np.random.default_rng(0)
        y = (rng.random(n) < 0.05).astype(int)
        scores = 1 / (1 + np.exp(2 - rng.normal(size=n) - 2 * y))
        X, labels, weight, counts = two_columns(scores), y.astype(float), np.ones(n), np.ones(n, np.uint8)
        prefit = {"estimator": Echo().fit(X, y), "scoring": "f1", "cv": "prefit", "refit": False, "random_state": 0}
        times = best_times(rounds, {
            "peer": partial(TunedThresholdClassifierCV(**prefit).fit, X, y),
            "pooled": partial(ThresholdTuner(**prefit, aggregate="pooled").fit, X, y),
            "bagged": partial(ThresholdTuner(**prefit).fit, X, y),
            "search": partial(one_search, scores, labels, weight, counts),
            "np_sort": partial(np.sort, scores),
        })
        rows.append({"n": n, **times})
    return rows


def measure_labels(sizes, rounds, n=2000):
    """Seconds of fit with cv="prefit" for n rows of L labels, the k-th of which has a share of k ** -0.8, at least 0.2%."""
    for n_labels in sizes:
        rng = np.random.default_rng(0)
        share = np.clip(np.arange(1, n_labels + 1) ** -0.8, 2e-3, 0.3)
        P = 1 / (1 + np.exp(-np.log(share / (1 - share)) - 1.5 * rng.normal(size=(n, n_labels))))
        Y = (rng.random(P.shape) < P).astype(np.int8)
        prefit = {"estimator": Echo().fit(P, Y), "cv": "prefit", "refit": False, "random_state": 0}
        yield {"labels": n_labels} | best_times(rounds, {
            f"{scoring} {how}": partial(ThresholdTuner(**prefit, scoring=scoring, aggregate=how).fit, P, Y)
            for scoring in ("f1_micro", "f1_macro") for how in ("pooled", "bagged")
        })


def probabilities(X, y, model, seed):
    """What the tuners are given: out-of-fold probabilities of one half of the rows, and of the other half by a refit."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    oof = cross_val_predict(model, X, y, cv=FOLDS, method="predict_proba")[:, 1]
    return {"oof": oof, "y": y, "test": model.fit(X, y).predict_proba(X_test)[:, 1], "y_test": y_test}


def measure_scores(folder, seeds, sets):
    """Test scores: yields {set, model, metric, seed, untuned, peer, bagged, pooled}."""
    for name, seed in itertools.product(sets, range(seeds)):
        data = np.load(Path(folder) / f"{name}.npz")
        for model_name, model in models(seed).items():
            given = probabilities(data["X"], data["y"], model, seed)
            X, X_test = two_columns(given["oof"]), two_columns(given["test"])
            for metric, function in METRICS.items():
                row = {"set": name, "model": model_name, "metric": metric, "seed": seed}
                for tuner, make in TUNERS.items():
                    estimator = Echo() if make is None else make(Echo(), metric, FOLDS)
                    row[tuner] = float(function(given["y_test"], estimator.fit(X, given["y"]).predict(X_test)))
                yield row


def summarise(scores):
    """A line for each set, model and metric: means, and the mean difference to the peer with its standard error."""
    lines = []
    for key in sorted({(row["set"], row["model"], row["metric"]) for row in scores}):
        rows = [row for row in scores if (row["set"], row["model"], row["metric"]) == key]
        line = dict(zip(("set", "model", "metric"), key))
        for tuner in TUNERS:
            line[tuner] = np.mean([row[tuner] for row in rows])
        difference = np.array([row["bagged"] - row["peer"] for row in rows])
        line["difference"] = difference.mean()
        line["error"] = difference.std(ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.nan
        lines.append(line)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with the .npz files")
    parser.add_argument("--labels", action="store_true", help="many labels instead of two classes")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="10,000 rows, the smallest set, 3 seeds")
    parser.add_argument("--json", help="write all measurements to this file, as they come")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine())
    if options.labels:
        sizes = (250, 500) if options.quick else (500, 1000, 2000, 4000)
        for k, row in enumerate(measure_labels(sizes, 1 if options.quick else 3)):
            if k == 0:
                print(f"| {' | '.join(row)} |\n|{'--:|' * len(row)}")
            print(f"| {row.pop('labels'):,} | {' | '.join(f'{ms / 1e3:.2f} s' for ms in row.values())} |")
        return
    times = measure_times((10_000,) if options.quick else (10_000, 100_000), 5 if options.quick else 15)
    print(
        "| rows | peer | pooled | ratio | bagged | ratio | search alone | np.sort |\n|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    for t in times:
        ours = " | ".join(f"{t[name]:.2f} ms | {t['peer'] / t[name]:.0f}x" for name in ("pooled", "bagged"))
        print(f"| {t['n']:,} | {t['peer']:.1f} ms | {ours} | {t['search']:.2f} ms | {t['np_sort']:.2f} ms |")
    result = {"times": times, "scores": []}
    if options.data:
        sets, seeds = (("yeast_me2",), 3) if options.quick else (options.sets, options.seeds)
        for row in measure_scores(options.data, seeds, sets):
            result["scores"].append(row)
            if options.json:
                Path(options.json).write_text(json.dumps(result, indent=1))
        print("| set | model | metric | 0.5 | peer | bagged | pooled | bagged - peer |\n|--|--|--|--:|--:|--:|--:|--:|")
        for s in (lines := summarise(result["scores"])):
            means = " | ".join(f"{s[tuner]:.3f}" for tuner in TUNERS)
            case = f"{s['set']} | {s['model']} | {s['metric']}"
            print(f"| {case} | {means} | {s['difference']:+.4f} ({s['error']:.4f}) |")
        differences = np.array([s["difference"] for s in lines])
        errors = np.array([s["error"] for s in lines])
        print(f"mean difference {differences.mean():+.4f}; worse beyond one standard error in "
              f"{np.sum(differences < -errors)} of {len(lines)}, better in {np.sum(differences > errors)}")
    elif options.json:
        Path(options.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

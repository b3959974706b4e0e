"""Multi-label sets with their rare labels left in: every split answered, log loss, F1 with tuned thresholds.

    python benchmarks/bench_labels.py --data FOLDER [--sets flags,emotions] [--rows 500] [--seeds 3] [--json FILE]

FOLDER holds one ml_*.npz per data set: X (n, d) and y (n, L) of 0 and 1. Of each set --rows rows, drawn at random and never
stratified, train every model, and at most 2,000 of the others test it; so some labels are constant in the training rows.

log loss: per row and label, probabilities floored at 1e-15; "constant": the same over the labels that are constant in the
training rows. F1 micro and macro: thresholds by ThresholdTuner on out-of-fold probabilities of the training rows (ours
leaves them behind; the others are fitted on three folds more); a label that no test row has is left out of macro.
The means at the end are over the splits that every model answered.
"""
from common import machine, write

import argparse
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import MLPMultiLabel, ThresholdTuner

MOST_TESTED = 2_000


def models(seed):
    """The classifiers; MLPMultiLabel scales inside."""
    return {
        "MLPMultiLabel": MLPMultiLabel(store_oof=True, random_state=seed),
        "MLPClassifier": make_pipeline(StandardScaler(), MLPClassifier(random_state=seed)),
        "OvR logistic": make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(max_iter=1000))),
    }


class Echo(ClassifierMixin, BaseEstimator):
    """Its features are the probabilities."""

    def fit(self, X, y):
        self.classes_ = np.arange(y.shape[1])
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):
        return (X >= 0.5).astype(int)


def log_losses(p, y):
    return -np.log(np.maximum(np.where(y == 1, p, 1 - p), 1e-15))


def tuned_f1(average, oof, Y, proba, Y_test):
    """F1 of the test rows with a threshold for each label, tuned on the training rows' out-of-fold probabilities."""
    tuner = ThresholdTuner(Echo().fit(oof, Y), scoring=f"f1_{average}", cv="prefit", refit=False, random_state=0).fit(oof, Y)
    occurs = Y_test.any(axis=0) if average == "macro" else slice(None)
    return f1_score(Y_test[:, occurs], tuner.predict(proba)[:, occurs], average=average, zero_division=0)


def answer(model, X, Y, X_test, Y_test):
    """The measures of one model on one split."""
    fitted = clone(model).fit(X, Y)
    proba = fitted.predict_proba(X_test)
    oof = getattr(fitted, "oof_proba_", None)
    if oof is None:
        folds = KFold(3, shuffle=True, random_state=0)
        oof = cross_val_predict(model, X, Y, cv=folds, method="predict_proba")
    constant = Y.min(axis=0) == Y.max(axis=0)
    loss = log_losses(proba, Y_test)
    return {
        "log loss": float(loss.mean()),
        "constant": float(loss[:, constant].mean()) if constant.any() else float("nan"),
        "F1 micro": tuned_f1("micro", oof, Y, proba, Y_test),
        "F1 macro": tuned_f1("macro", oof, Y, proba, Y_test),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", default="", help="names without ml_ and .npz, with commas; all without")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", default="")
    args = parser.parse_args()
    print(machine())
    rows = []
    for path in sorted(Path(args.data).glob("ml_*.npz")):
        name = path.stem.removeprefix("ml_")
        if args.sets and name not in args.sets.split(","):
            continue
        with np.load(path, allow_pickle=False) as arrays:
            X, Y = arrays["X"], arrays["y"].astype(int)
        for seed in range(args.seeds):
            order = np.random.RandomState(seed).permutation(len(X))
            n = min(args.rows, len(X) * 2 // 3)
            train, test = order[:n], order[n : n + MOST_TESTED]
            n_constant = int((Y[train].min(axis=0) == Y[train].max(axis=0)).sum())
            for kind, model in models(seed).items():
                row = {"set": name, "labels": Y.shape[1], "constant labels": n_constant, "seed": seed, "model": kind}
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        row |= answer(model, X[train], Y[train], X[test], Y[test])
                    except ValueError as error:
                        row |= {"failed": str(error)[:100]}
                rows.append(row)
                print("  ".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()), flush=True)
    splits = {(row["set"], row["seed"]) for row in rows}
    answered = splits - {(row["set"], row["seed"]) for row in rows if "failed" in row}
    print()
    for kind in models(0):
        mine = [row for row in rows if row["model"] == kind]
        means = {
            key: np.nanmean([row[key] for row in mine if (row["set"], row["seed"]) in answered])
            for key in ("log loss", "constant", "F1 micro", "F1 macro")
        }
        print(f"{kind:15} answers {sum('failed' not in row for row in mine)} of {len(splits)} splits;  ",
              "  ".join(f"{key} {value:.4f}" for key, value in means.items()))
    write(args.json, rows)


if __name__ == "__main__":
    main()

"""Log loss, error and fit time of the default recipe against peers, over many data sets.

    python benchmarks/bench_quality.py [--data FOLDER] [--seeds 2] [--picture quality.png] [--json quality.json]
    python benchmarks/bench_quality.py --data FOLDER --variant '{"dropout": 0}' --variant '{"n_members": 8}'
    python benchmarks/bench_quality.py --data FOLDER --rows 30
    python benchmarks/bench_quality.py --data FOLDER_OF_LARGE_SETS --rows 35000 --seeds 1 --peers lightgbm,catboost

With --variant, constructor parameters as JSON, each variant is compared with the defaults, and the peers are left out. --peers
adds LightGBM and CatBoost, with their defaults, which need the extra `bench`; the line "better of" is set by set against the
better of HistGradientBoosting and LightGBM, ratios clipped to 0.5 .. 2.

FOLDER holds one file per data set. An .npz: X (n, d), y (n,) of class ids or (n, L) of 0 and 1. A .parquet: a table as people
have it, with its labels in the column "target": ours and the trees take its words and gaps as they are, MLPClassifier gets
indicators of the 50 most frequent words of each column, and medians in the gaps. Without a folder the sets are those that
scikit-learn ships. Every model sees the same rows: at most 5,000 (--rows) to train on and 10,000 to test on, stratified but for
multi-label; missing values of an .npz are filled with the median of the training rows first. Sets are left out where a class
would not have two rows to train on. One thread, the models in turn.

"Light" is one network. log loss is a row (multi-label: a row and label), probabilities floored at 1e-15;
error is 1 - accuracy (multi-label: Hamming loss at 0.5); for multi-label also the micro-F1 of predict, ours with thresholds tuned
on out-of-fold probabilities. Ratios are geometric means over sets, of geometric means over seeds; below 1 is in our favour.
"""
from common import machine

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner

MOST_TESTED = 10_000
OURS = {"binary": MLPBinary, "multiclass": MLPMulticlass, "multilabel": MLPMultiLabel}


def shipped():
    """The classification sets of scikit-learn, and a multi-label one made of the digits' properties."""
    X, y = datasets.load_digits(return_X_y=True)
    labels = np.column_stack([y % 2 == 0, y >= 5, np.isin(y, [2, 3, 5, 7]), np.isin(y, [0, 6, 8, 9])])
    return {
        "breast_cancer": datasets.load_breast_cancer(return_X_y=True),
        "digits": (X, y),
        "digits_labels": (X, labels.astype(int)),
        "iris": datasets.load_iris(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
    }


def sets(folder):
    if not folder:
        yield from shipped().items()
        return
    for path in sorted(Path(folder).iterdir()):
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                yield path.stem, (arrays["X"], arrays["y"])
        elif path.suffix == ".parquet":
            import pandas as pd

            table = pd.read_parquet(path)
            y = pd.factorize(table.pop("target"), sort=True)[0]
            yield path.stem, (table.astype(dict.fromkeys(words_of(table), "category")), y)


def words_of(X):
    """The names of the columns of words; None of an array."""
    return None if isinstance(X, np.ndarray) else list(X.select_dtypes(exclude="number").columns)


def split(X, y, seed, most_trained):
    n_test = min(MOST_TESTED, round(0.3 * len(X)))
    n_train = min(most_trained, len(X) - n_test)
    rarest = np.inf if y.ndim == 2 else np.unique(y, return_counts=True)[1].min()
    if rarest * n_train < 2 * len(X):
        raise ValueError(f"a class has {rarest} of {len(X)} rows: too few for {n_train} to train on")
    by_class = y.ndim == 1 and rarest >= 3
    parts = train_test_split(X, y, train_size=n_train, test_size=n_test, random_state=seed, stratify=y if by_class else None)
    if not isinstance(X, np.ndarray):
        return parts
    median = np.nan_to_num(np.nanmedian(parts[0], axis=0)).astype(X.dtype)
    return [np.where(np.isfinite(part), part, median) for part in parts[:2]] + parts[2:]


def as_text(table):
    """CatBoost knows no missing words."""
    words = words_of(table)
    return table.assign(**table[words].astype(object).fillna("missing"))


def trees(names, seed, words):
    """Peers that scikit-learn does not bring."""
    if "lightgbm" in names:
        from lightgbm import LGBMClassifier

        yield "LightGBM", LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1)
    if "catboost" in names:
        from catboost import CatBoostClassifier

        catboost = CatBoostClassifier(
            random_state=seed, thread_count=1, verbose=False, allow_writing_files=False, cat_features=words)
        yield "CatBoost", catboost if words is None else make_pipeline(FunctionTransformer(as_text), catboost)


def histograms(seed, words):
    """Scikit-learn's trees, which know 255 categories of a column at most: the most frequent ones."""
    if words is None:
        return HistGradientBoostingClassifier(random_state=seed)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250)
    return make_pipeline(
        make_column_transformer((codes, words), remainder="passthrough"),
        HistGradientBoostingClassifier(random_state=seed, categorical_features=list(range(len(words)))))


def scaled_network(seed, words):
    steps = [StandardScaler(), MLPClassifier(random_state=seed)]
    if words is not None:
        indicators = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50, sparse_output=False)
        steps.insert(0, make_column_transformer((indicators, words), remainder=SimpleImputer(strategy="median")))
    return make_pipeline(*steps)


def models(task, seed, variants, peers, words):
    if variants:
        changed = {text: OURS[task](random_state=seed, **json.loads(text)) for text in variants}
        return {"ours": OURS[task](random_state=seed), **changed}
    result = {
        "ours": OURS[task](random_state=seed),
        "ours, light": OURS[task](n_members=1, random_state=seed),
        "scaled MLPClassifier": scaled_network(seed, words),
    }
    if task == "multilabel":
        result["tuned"] = ThresholdTuner(OURS[task](random_state=seed), scoring="f1_micro", cv="oof", random_state=seed)
    else:
        result["HistGradientBoosting"] = histograms(seed, words)
        result |= trees(peers, seed, words)
    return result


def scores(model, X, y, classes):
    proba = model.predict_proba(X)
    if y.ndim == 2:
        of_truth, error = np.where(y == 1, proba, 1 - proba), np.mean((proba >= 0.5) != (y == 1))
    else:
        full = np.zeros((len(y), len(classes)))
        full[:, np.searchsorted(classes, model.classes_)] = proba
        of_truth = full[np.arange(len(y)), np.searchsorted(classes, y)]
        error = np.mean(classes[full.argmax(axis=1)] != y)
    return -np.log(np.maximum(of_truth, 1e-15)).mean(), error


def measure(folder, n_seeds, variants, most_trained, peers):
    """Rows of set, task, seed, model, log loss, error, fit seconds."""
    rows = []
    for name, (X, y) in sets(folder):
        task = "multilabel" if y.ndim == 2 else ("binary" if len(np.unique(y)) == 2 else "multiclass")
        for seed in range(n_seeds):
            try:
                X_train, X_test, y_train, y_test = split(X, y, seed, most_trained)
            except ValueError as refusal:
                print(f"{name}: {refusal}")
                break
            for model_name, model in models(task, seed, variants, peers, words_of(X)).items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # peers that have not converged are measured as they are
                    start = time.perf_counter()
                    try:
                        model.fit(X_train, y_train)
                    except ValueError as refusal:
                        print(f"{name}, seed {seed}, {model_name}: {refusal}")
                        continue
                    seconds = time.perf_counter() - start
                loss, error = scores(model, X_test, y_test, np.unique(y))
                row = {"set": name, "task": task, "seed": seed, "model": model_name}
                row |= {"log_loss": float(loss), "error": float(error), "fit_s": seconds}
                if task == "multilabel":
                    row["micro_f1"] = float(f1_score(y_test, model.predict(X_test), average="micro"))
                rows.append(row)
        print(f"{name} ({task})", flush=True)
    return rows


def against_better_tree(rows):
    """Log loss over that of the better of HistGradientBoosting and LightGBM, per set."""
    losses = {}
    for row in rows:
        losses.setdefault(row["model"], {}).setdefault(row["set"], []).append(row["log_loss"])
    ours, *others = (losses.get(model, {}) for model in ("ours", "HistGradientBoosting", "LightGBM"))
    return {name: np.mean(ours[name]) / min(np.mean(other[name]) for other in others if name in other)
            for name in ours if any(name in other for other in others)}


def compare(rows, ours, peer):
    """For each set: ratio of log losses, difference of errors in points, ratio of fit times; means over common seeds."""
    found = {}
    index = {(row["set"], row["seed"], row["model"]): row for row in rows}
    for (name, seed, model), row in index.items():
        other = index.get((name, seed, peer))
        if model == ours and other:
            found.setdefault(name, []).append((
                np.log(max(row["log_loss"], 1e-9) / other["log_loss"]),
                100 * (row["error"] - other["error"]),
                np.log(row["fit_s"] / other["fit_s"]),
            ))
    return {name: np.mean(values, axis=0) for name, values in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="a folder of .npz files; without it scikit-learn's sets")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=5_000, help="most rows to train on")
    parser.add_argument("--peers", default="", help="of lightgbm, catboost: which to fit as well, separated by commas")
    parser.add_argument("--variant", action="append", default=[], help="constructor parameters as JSON; may be repeated")
    parser.add_argument("--picture", default="", help="write the ratio a set, sorted, to this file")
    parser.add_argument("--json", default="", help="write the rows to this file")
    arguments = parser.parse_args()
    rows = measure(arguments.data, arguments.seeds, arguments.variant, arguments.rows, arguments.peers.split(","))
    tasks = {row["set"]: row["task"] for row in rows}
    print(f"\n{machine()}\n")
    print(f"{'':46}{'log loss':>9}{'won':>7}  {'worst':22}{'error, points':>13}{'won':>7}{'time':>7}  worst")
    pairs = [("ours", "scaled MLPClassifier"), ("ours, light", "scaled MLPClassifier"), ("ours", "HistGradientBoosting")]
    pairs += [("ours", peer) for peer in ("LightGBM", "CatBoost") if any(row["model"] == peer for row in rows)]
    pairs = [(variant, "ours") for variant in arguments.variant] or pairs
    for ours, peer in pairs:
        found = compare(rows, ours, peer)
        loss, error, seconds = (dict(zip(found, column)) for column in np.array(list(found.values())).T)
        worst, slowest = max(loss, key=loss.get), max(seconds, key=seconds.get)
        one_class = [error[name] for name in found if tasks[name] != "multilabel"]
        print(
            f"{ours + ' against ' + peer:46}{np.exp(np.mean(list(loss.values()))):9.3f}"
            f"{f'{sum(v < 0 for v in loss.values())}/{len(loss)}':>7}  {f'{worst} {np.exp(loss[worst]):.2f}':22}"
            f"{np.mean(one_class):13.2f}{f'{sum(v < 0 for v in one_class)}/{len(one_class)}':>7}"
            f"{np.exp(np.mean(list(seconds.values()))):7.2f}  {slowest} {np.exp(seconds[slowest]):.2f}"
        )
    if any(row["model"] == "LightGBM" for row in rows):
        ratios = against_better_tree(rows)
        mean = np.exp(np.mean(np.log(np.clip(list(ratios.values()), 0.5, 2))))
        worst = max(ratios, key=ratios.get)
        print(f"ours against the better of HistGradientBoosting and LightGBM: {mean:.3f}, worst {worst} {ratios[worst]:.2f}")
    f1 = {(row["set"], row["seed"], row["model"]): row["micro_f1"] for row in rows if "micro_f1" in row}
    gains = {}
    for name, seed, model in f1:
        if model == "tuned" and (name, seed, "scaled MLPClassifier") in f1:
            gains.setdefault(name, []).append(f1[name, seed, model] - f1[name, seed, "scaled MLPClassifier"])
    if gains:
        won = sum(np.mean(values) > 0 for values in gains.values())
        print(f"micro-F1 with ThresholdTuner(cv='oof') against scaled MLPClassifier at 0.5: won on {won}/{len(gains)}, "
              f"mean difference {np.mean([np.mean(values) for values in gains.values()]):+.3f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))
    if arguments.picture:
        draw(compare(rows, "ours", "scaled MLPClassifier"), tasks, arguments.picture)


def draw(found, tasks, file):
    """A bar a set: our log loss over the peer's, sorted, coloured by task."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colours = {"binary": "tab:blue", "multiclass": "tab:orange", "multilabel": "tab:green"}
    names = sorted(found, key=lambda name: found[name][0])
    figure, ax = plt.subplots(figsize=(7, 0.25 * len(names) + 1), layout="constrained")
    ax.barh(names, [np.exp(found[name][0]) - 1 for name in names], left=1, color=[colours[tasks[name]] for name in names])
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xlabel="log loss over that of a scaled MLPClassifier", xscale="log")
    ax.legend(handles=[plt.Rectangle((0, 0), 1, 1, color=c, label=task) for task, c in colours.items()])
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()

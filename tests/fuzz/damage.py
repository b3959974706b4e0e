"""Damaged states: pickles of fitted estimators in which one array, number or attribute is another, loaded and used.

    python tests/fuzz/damage.py --cases 400 --seed 0

Whatever was damaged, an estimator answers or raises: it never crashes, hangs or leaves the interpreter in an error. A crash ends
this process, so run it in one of its own; the last line that it wrote names the case.
"""
import argparse
import copy
import io
import pickle
import sys
import warnings

import numpy as np
from scipy import sparse

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

OURS = "sklearn_heads."
NUMBERS = [0, -1, 1, 7, 10**5, -(2**31), np.nan, np.inf, 0.5]


def fitted():
    """Estimators of every head, with bins and without, dense and sparse, of one member and of several, with optimizers or not."""
    random = np.random.RandomState(0)
    X = random.normal(size=(60, 6)).astype(np.float32)
    X[:, 0], X[:, 1] = 1, X[:, 1] > 0  # constant: left out; two-valued: no bins
    y, labels = random.randint(3, size=60), random.randint(2, size=(60, 4))
    options = {"max_iter": 2, "random_state": 0, "hidden_layer_sizes": (5, 3)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield MLPBinary(**options, n_members=1).fit(X, y > 0), X, y > 0
        yield MLPMulticlass(**options, n_members=3).fit(X, y), X, y
        yield MLPMultiLabel(**options, n_members=2, dtype="float64").fit(X, labels), X, labels
        yield MLPMulticlass(**options, n_members=1).fit(sparse.csr_matrix(X), y), sparse.csr_matrix(X), y
        yield MLPBinary(**options, input_encoding=None).partial_fit(X, y > 0), X, y > 0
        yield MLPMultiLabel(**options, solver="sgd").partial_fit(X, labels), X, labels


def other_array(array, random):
    """The array, cut, longer, of another shape or type, or with other values."""
    flat = array.ravel()
    ways = [
        lambda: flat[: random.randint(len(flat) + 1)],
        lambda: np.concatenate([flat, flat, flat]),
        lambda: flat[:0],
        lambda: array[:-1],
        lambda: array[..., None],
        lambda: array.T,
        lambda: array.astype(random.choice([np.float32, np.float64, np.int32, np.int64, np.uint8, object])),
        lambda: array.astype(array.dtype.newbyteorder()),
        lambda: array + np.array(10**9).astype(array.dtype),
        lambda: -array,
        lambda: np.full_like(array, random.choice([0, 1, 2**31 - 1])),
        lambda: np.full(array.shape, np.nan),
        lambda: array[::-1],
        lambda: None,
    ]
    return ways[random.randint(len(ways))]()


def other(value, random):
    """Another value in place of this one."""
    if isinstance(value, np.ndarray):
        return other_array(value, random)
    if isinstance(value, tuple) and value:
        at = random.randint(len(value))
        ways = [value[:-1], (*value, value[-1]), (*value[:at], other(value[at], random), *value[at + 1 :])]
        return ways[random.randint(3)]
    if isinstance(value, list) and value:
        return list(other(tuple(value), random))
    if isinstance(value, dict) and value:
        key = list(value)[random.randint(len(value))]
        changed = dict(value)
        if random.randint(4):
            changed[key] = other(value[key], random)
        else:
            del changed[key]
        return changed
    if isinstance(value, str):
        return random.choice(["relu", "tanh", "softmax", "logistic", "adam", "float64", "float32", "no such thing"])
    if hasattr(value, "__dict__") and type(value).__module__.startswith(OURS) and random.randint(4):
        changed = copy.copy(value)
        vars(changed).update(other(vars(value), random))
        return changed
    return random.choice([None, *NUMBERS])


class Damaging(pickle.Pickler):
    """Writes one of the objects that have a part in a fitted state, the nth, with something in it replaced."""

    def __init__(self, file, nth, random):
        super().__init__(file)
        self.left, self.random, self.what = nth, random, None

    def reducer_override(self, value):
        ours = type(value).__module__.startswith(OURS) and not isinstance(value, type)
        if not ours and not isinstance(value, np.ndarray):
            return NotImplemented
        self.left -= 1
        if self.left != -1:
            return NotImplemented
        self.what = type(value).__name__
        if isinstance(value, np.ndarray):
            replaced = other_array(value, self.random)
            return (copy.copy, (None,)) if replaced is None else replaced.__reduce_ex__(4)
        function, arguments, *state = value.__reduce_ex__(4)
        if state and isinstance(state[0], dict):
            parts = {key: part for key, part in state[0].items() if hasattr(value, "predict") <= key.endswith("_")}
            return (function, arguments, {**state[0], **other(parts, self.random)}, *state[1:])
        return (function, other(arguments, self.random), *state)


def damaged(estimator, random):
    """A pickle of it with one part replaced, and what that was part of."""
    file = io.BytesIO()
    pickler = Damaging(file, random.randint(1, 25), random)
    pickler.dump(estimator)
    return file.getvalue(), pickler.what


def uses(X, y):
    """What people do with an estimator that they have loaded."""
    rows = X[:3] if sparse.issparse(X) else np.array(X[:3])
    yield lambda clf: clf.predict_proba(rows[:1])
    yield lambda clf: clf.predict(sparse.csr_matrix(rows))
    yield lambda clf: clf.predict(rows.astype(np.float64))
    yield lambda clf: clf.partial_fit(X, y)
    yield lambda clf: clf.set_params(warm_start=True, max_iter=1).fit(X, y)
    yield lambda clf: clf.coefs_
    yield lambda clf: repr(clf.input_encoding_) + str(clf.input_encoding_.describe())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    whole, counts = list(fitted()), {"damaged": 0, "answered": 0, "raised": 0}
    for case in range(arguments.seed, arguments.seed + arguments.cases):
        random = np.random.RandomState(case)
        estimator, X, y = whole[case % len(whole)]
        try:
            data, what = damaged(estimator, random)
        except Exception:  # nothing that can be saved
            continue
        counts["damaged"] += what is not None
        print(f"case {case}: {type(estimator).__name__}, {what}", file=sys.stderr, flush=True)
        for use in uses(X, y):
            try:
                with np.errstate(all="ignore"):
                    use(pickle.loads(data))
                counts["answered"] += 1
            except SystemError:
                raise
            except Exception:
                counts["raised"] += 1
    print(", ".join(f"{count} {word}" for word, count in counts.items()))


if __name__ == "__main__":
    main()

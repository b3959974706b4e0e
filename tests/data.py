"""Small made tasks, and the list of heads over which laws are tested."""
from functools import lru_cache

import numpy as np
from sklearn.datasets import make_classification

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

# Every estimator with every head.
HEADS = {
    "binary-sigmoid": lambda **k: MLPBinary(**k),
    "binary-softmax": lambda **k: MLPBinary(head="softmax", **k),
    "multiclass-softmax": lambda **k: MLPMulticlass(**k),
    "multiclass-sigmoid": lambda **k: MLPMulticlass(head="sigmoid", **k),
    "multilabel": lambda **k: MLPMultiLabel(**k),
}
# Nothing drawn at random but the initial weights: one network, full batches, no dropout, no validation rows.
STILL = {"n_members": 1, "early_stopping": False, "dropout": 0.0, "batch_size": 10**6, "shuffle": False, "dtype": "float64"}
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 25, "random_state": 0}


def still(name, **options):
    """A small estimator without chance in it."""
    return HEADS[name](**{**STILL, **SMALL, **options})


def data(task, n=60, n_classes=3):
    """X (n, 5) of unit scale and y: two classes, three classes, or three labels that lean on each other; fresh copies."""
    X, y = _data(task.split("-")[0], n, n_classes)
    return X.copy(), y.copy()


@lru_cache
def _data(task, n, n_classes):
    classes = 2 if task == "binary" else n_classes
    X, y = make_classification(n, 5, n_informative=4, n_redundant=0, n_classes=max(classes, 2), random_state=2)
    if task == "multilabel":
        random = np.random.RandomState(2)
        y = (X @ random.normal(size=(5, n_classes)) + random.normal(size=(n, n_classes)) > 0.3).astype(int)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def uneven(X):
    """The same rows in other units: columns of unequal scale and offset."""
    return X * np.array([1, 10, 0.1, 3, 1]) + np.array([0, 5, -1, 0, 2])

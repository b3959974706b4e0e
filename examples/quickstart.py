"""Which head for which labels? Three tasks on data that scikit-learn ships, each head beside scikit-learn's MLPClassifier.

The multi-label task is made from real images: each handwritten digit gets the labels that hold for it, out of "even", "at
least five", "prime" and "has a closed loop" (0, 6, 8, 9, as these digits are usually written). The images are real, the
labels are arithmetic: they follow from the digit, so this task is easier than labels that people assign.
"""
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

# On some folds MLPClassifier's default of 200 epochs ends before its training loss settles. It is compared as it comes.
warnings.simplefilter("ignore", ConvergenceWarning)

threadpool_limits(1)  # one core for everyone, so that the seconds compare

FOLDS = 3
LABELS = {"even": {0, 2, 4, 6, 8}, "at least five": {5, 6, 7, 8, 9}, "prime": {2, 3, 5, 7}, "closed loop": {0, 6, 8, 9}}


def digit_labels(digits):
    """A 0/1 matrix (n, 4): which labels hold for each digit."""
    return np.column_stack([np.isin(digits, list(having)) for having in LABELS.values()]).astype(int)


def mean_log_loss(model, X, y):
    """Log loss a row; for several labels the mean over rows and labels. In float32 for all, so all are clipped alike."""
    proba = model.predict_proba(X).astype(np.float32)
    return log_loss(y.ravel(), proba.ravel()) if y.ndim == 2 else log_loss(y, proba)


def size_of(model):
    """Output nodes; networks and the parameters of each."""
    model = model[-1] if hasattr(model, "steps") else model
    networks = getattr(model, "members_", [model])
    parameters = sum(array.size for array in [*networks[0].coefs_, *networks[0].intercepts_])
    return model.n_outputs_, f"{len(networks)} x {parameters:,}"


def compare(task, X, y, models):
    """Cross-validate the models on shuffled folds, and print a line each."""
    several = y.ndim == 2
    cv = (KFold if several else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
    scoring = {"loss": mean_log_loss, "score": "f1_macro" if several else "accuracy"}
    for name, model in models.items():
        scores = cross_validate(clone(model), X, y, cv=cv, scoring=scoring, return_estimator=True)
        outputs, parameters = size_of(scores["estimator"][0])
        loss, score = scores["test_loss"], scores["test_score"]
        print(
            f"{task:23} {name:30} {outputs:7} {parameters:>12}   {loss.mean():.3f} +- {loss.std():.3f}   "
            f"{score.mean():.3f} +- {score.std():.3f} {'F1' if several else '  '} {scores['fit_time'].mean():7.2f}"
        )
        task = ""


def main():
    peer = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
    digits_X, digits_y = load_digits(return_X_y=True)
    print(f"{'task':23} {'head':30} {'outputs':>7} {'parameters':>12}   {'log loss':14}   {'accuracy or F1':17}   fit s")
    compare("breast cancer, 2", cancer_X, cancer_y, {
        "MLPBinary, sigmoid": MLPBinary(random_state=0),
        "MLPBinary, softmax": MLPBinary(head="softmax", random_state=0),
        "MLPBinary, one network": MLPBinary(n_members=1, random_state=0),
        "MLPClassifier": peer,
    })
    compare("digits, one of 10", digits_X, digits_y, {
        "MLPMulticlass, softmax": MLPMulticlass(random_state=0),
        "MLPMulticlass, sigmoid": MLPMulticlass(head="sigmoid", random_state=0),
        "MLPMulticlass, one network": MLPMulticlass(n_members=1, random_state=0),
        "MLPClassifier": peer,
    })
    compare("digits, any of 4 labels", digits_X, digit_labels(digits_y), {
        "MLPMultiLabel, sigmoids": MLPMultiLabel(random_state=0),
        "MLPMultiLabel, one network": MLPMultiLabel(n_members=1, random_state=0),
        "MLPClassifier": peer,
    })
    print("Mean +- standard deviation over the folds. Parameters: networks x parameters of each. F1 is the mean over the labels.")
    print("MLPClassifier stands behind StandardScaler, with its own defaults; the others scale inside, with theirs.")


if __name__ == "__main__":
    main()

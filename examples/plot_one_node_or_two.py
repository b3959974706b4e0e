"""
Two classes: one sigmoid node, or two softmax nodes?
====================================================

Two classes can end in one sigmoid node or in two softmax nodes. Both can express the same functions: two softmax logits say no
more than their difference. Do the heads differ in what comes out: in log loss, accuracy, time, parameters?

Five two-class tasks, ten folds each, the same folds for both heads. The intervals are those of the corrected resampled t-test,
which allows for the rows that the training sets of the folds share.
"""
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

from sklearn_heads import MLPBinary

cancer, diabetes, wine, iris = load_breast_cancer(), load_diabetes(), load_wine(), load_iris()
digits_X, digits = load_digits(return_X_y=True)
tasks = {
    "breast cancer": (cancer.data, cancer.target),
    "diabetes above the median": (diabetes.data, diabetes.target > np.median(diabetes.target)),
    "wine, second kind": (wine.data, wine.target == 1),
    "iris, versicolor": (iris.data, iris.target == 1),
    "digits, even": (digits_X[:200], digits[:200] % 2 == 0),  # some of the rows, to be quick
}
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)


def parameters(clf):
    """In all its networks together."""
    return sum(array.size for net in clf.members_ for array in [*net.coefs_, *net.intercepts_])


def of_each_fold(head, X, y):
    """Log loss, accuracy, epochs, seconds and parameters: five rows, a column a fold."""
    scores = cross_validate(
        MLPBinary(head=head, random_state=0), X, y, cv=folds, scoring=["neg_log_loss", "accuracy"], return_estimator=True)
    sizes = [parameters(clf) for clf in scores["estimator"]]
    epochs = [sum(net.n_iter_ for net in clf.members_) for clf in scores["estimator"]]
    return np.array([-scores["test_neg_log_loss"], scores["test_accuracy"], epochs, scores["fit_time"], sizes])


one, two = (np.array([of_each_fold(head, X, y) for X, y in tasks.values()]) for head in ("sigmoid", "softmax"))

# %%
# Two nodes against one, fold by fold: differences of log loss and accuracy, ratios of the rest.

difference = two[:, :2] - one[:, :2]
ratio = np.median(two[:, 2:], axis=2) / np.median(one[:, 2:], axis=2)
n_folds = difference.shape[2]
shared = 1 / n_folds + 1 / 4  # a fold tests on a quarter as many rows as it trains on
reach = stats.t.ppf(0.975, n_folds - 1) * difference.std(axis=2, ddof=1) * np.sqrt(shared)

figure, axes = plt.subplots(1, 5, figsize=(12, 3.6), sharey=True, layout="constrained", width_ratios=[3, 3, 2, 2, 2])
height = np.arange(len(tasks))[::-1]
for k, title in enumerate(["log loss, difference", "accuracy, difference"]):
    axes[k].plot(difference[:, k], height, ".", color="0.75", zorder=1)
    axes[k].errorbar(difference[:, k].mean(axis=1), height, xerr=reach[:, k], fmt="o", capsize=3, color="C0")
    axes[k].set_title(title)
    axes[k].axvline(0, color="0.4", linewidth=0.8)
for k, title in enumerate(["epochs, ratio", "fit time, ratio", "parameters, ratio"]):
    axes[2 + k].plot(ratio[:, k], height, "s", color="C1")
    axes[2 + k].set_title(title)
    axes[2 + k].axvline(1, color="0.4", linewidth=0.8)
    axes[2 + k].set_xlim(0, 2)
axes[0].set_yticks(height, tasks)
axes[0].set_xlabel("right of 0: one node is better")
axes[1].set_xlabel("left of 0: one node is better")
figure.suptitle("Two softmax nodes against one sigmoid node: grey a fold, blue the mean and its 95% interval")

# %%
# Every interval holds zero: on these tasks the data do not tell the heads apart. Two nodes take somewhat fewer epochs on most,
# because the difference of their logits moves about twice as far a step; each epoch costs a little more, and the seconds vary
# from run to run by more than the heads differ. There is no reason for the second node, and one is the default of
# :class:`~sklearn_heads.MLPBinary`.

for name, d, r in zip(tasks, difference.mean(axis=2), reach):
    print(f"{name:26} log loss {d[0]:+.4f} +- {r[0]:.4f}   accuracy {d[1]:+.4f} +- {r[1]:.4f}")

"""
Several classes: softmax, or one sigmoid per class?
===================================================

For exactly one of K classes, softmax trains on the likelihood of the probabilities that come out. One-vs-rest trains K sigmoids
and divides each row by its sum afterwards. Which has the lower log loss, and what does the division have to mend?
"""
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_predict, cross_val_score

from sklearn_heads import MLPMulticlass, MLPMultiLabel

diabetes = load_diabetes()
digits_X, digits = load_digits(return_X_y=True)
thirds = np.digitize(diabetes.target, np.quantile(diabetes.target, [1 / 3, 2 / 3]))
tasks = {
    "iris": load_iris(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "diabetes in thirds": (diabetes.data, thirds),
    "digits": (digits_X[:300], digits[:300]),  # some of the rows, to be quick
}
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)


def log_losses(head, X, y):
    return -cross_val_score(MLPMulticlass(head=head, random_state=0), X, y, cv=folds, scoring="neg_log_loss")


difference = np.array([log_losses("sigmoid", X, y) - log_losses("softmax", X, y) for X, y in tasks.values()])
# The corrected resampled t-test: a fold tests on a quarter as many rows as it trains on.
n_folds = difference.shape[1]
reach = stats.t.ppf(0.975, n_folds - 1) * difference.std(axis=1, ddof=1) * np.sqrt(1 / n_folds + 1 / 4)

# %%
# The K sigmoids before the division are an :class:`~sklearn_heads.MLPMultiLabel` on the one-hot matrix. Nothing makes its rows
# sum to one.

sums = {}
for name in ("diabetes in thirds", "digits"):
    X, y = tasks[name]
    one_hot = (y[:, None] == np.unique(y)).astype(int)
    sums[name] = cross_val_predict(MLPMultiLabel(random_state=0), X, one_hot, method="predict_proba").sum(axis=1)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
height = np.arange(len(tasks))[::-1]
left.plot(difference, height, ".", color="0.75", zorder=1)
left.errorbar(difference.mean(axis=1), height, xerr=reach, fmt="o", capsize=3)
left.axvline(0, color="0.4", linewidth=0.8)
left.set_yticks(height, tasks)
left.set_title("Log loss: one-vs-rest minus softmax")
left.set_xlabel("right of 0: softmax is better")
right.hist(sums.values(), bins=np.linspace(0.5, 1.5, 31), label=list(sums), density=True)
right.axvline(1, color="0.4", linewidth=0.8)
right.set_title("Sum of the K sigmoids of a row, before the division")
right.set_xlabel("sum")
right.set_yticks([])
right.legend()

# %%
# Left: grey a fold, blue the mean with its 95% interval. Every interval holds zero, so these tasks do not tell the two heads
# apart. Right: the sums lie near one without being made to. Where they do not, the division changes what was trained; softmax
# needs none, which is why it is the default of :class:`~sklearn_heads.MLPMulticlass`.

for name, d, r in zip(tasks, difference.mean(axis=1), reach):
    print(f"{name:20} {d:+.4f} +- {r:.4f}")

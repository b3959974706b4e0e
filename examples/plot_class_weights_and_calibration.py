"""
Rare classes: weigh them up, or move the threshold?
===================================================

The class of interest is rare, and few of its rows pass one half. Two remedies: weigh the class up in training, or leave the
training alone and lower the threshold. What does each do to the probabilities, and to the decisions?

A presence weight w multiplies the odds that the network learns by w, so it moves the threshold at one half to p = 1 / (1 + w), in
units of the true probability. Here: diabetes progression in the top fifth.
"""
import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_diabetes
from sklearn.metrics import log_loss, precision_recall_curve
from sklearn.model_selection import RepeatedStratifiedKFold

from sklearn_heads import MLPBinary

X, progression = load_diabetes(return_X_y=True)
y = (progression > np.quantile(progression, 0.8)).astype(int)
w = (y == 0).sum() / (y == 1).sum()
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)


def out_of_fold(class_weight):
    """Probability of each row by networks that did not see it, the mean of four repeats."""
    proba = np.zeros(len(y))
    for train, test in folds.split(X, y):
        clf = MLPBinary(class_weight=class_weight, random_state=0).fit(X[train], y[train])
        proba[test] += clf.predict_proba(X[test])[:, 1] / 4
    return proba


plain, weighted = out_of_fold(None), out_of_fold({0: 1, 1: w})
divided = weighted / (weighted + w * (1 - weighted))  # the odds divided by w

# %%
# Left, each point is a fifth of the rows, ordered by predicted probability. Right, the decisions that each can reach.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot([0, 1], [0, 1], color="0.4", linewidth=0.8)
curves = {"no weights": (plain, "o-C0"), "weighted": (weighted, "s-C3"), "weighted, odds divided by w": (divided, "^:C3")}
for name, (proba, style) in curves.items():
    observed, predicted = calibration_curve(y, proba, n_bins=5, strategy="quantile")
    left.plot(predicted, observed, style, label=f"{name}: log loss {log_loss(y, proba):.3f}")
left.set(xlabel="predicted probability", ylabel="share of positives", title="Weights inflate the probabilities")
left.legend()

for proba, colour in [(plain, "C0"), (weighted, "C3")]:
    precision, recall, _ = precision_recall_curve(y, proba)
    right.plot(recall, precision, color=colour, linewidth=1, alpha=0.6)
points = [("no weights, threshold 0.5", plain, 0.5, "oC0"), ("weighted, threshold 0.5", weighted, 0.5, "sC3"),
          (f"no weights, threshold 1 / (1 + w) = {1 / (1 + w):.2f}", plain, 1 / (1 + w), "DC0")]
for name, proba, threshold, style in points:
    chosen = proba >= threshold
    right.plot(chosen[y == 1].mean(), y[chosen].mean(), style, markersize=11, label=name, markeredgecolor="white")
right.set(xlabel="recall", ylabel="precision", title="A threshold reaches the same decisions", xlim=(0, 1.02), ylim=(0, 1.02))
right.legend(loc="lower left")

# %%
# The weighted probabilities are too high, as said by w: divided by it, their odds are right again. At one half the weighted
# network decides as the plain one does at 1 / (1 + w). The threshold costs no second fit and leaves the probabilities true.

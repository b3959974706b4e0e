"""
Thresholds of labels: does each label need its own?
===================================================

A handwritten digit has several labels at once: it is even, or prime, or has a loop, or is a five. From a small and
noisy picture no classifier is sure of any, and the rarer the label, the lower its probabilities: thresholds of 0.5 leave it
unused. Compared on unseen rows: 0.5, one tuned threshold for all labels, and one per label.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputClassifier

from sklearn_heads import MLPMultiLabel, ThresholdCurveDisplay, ThresholdTuner

# %%
# Six labels, from half of the rows (even, a loop) down to a tenth (five, eight), and noise nearly as large as the ink.
LABELS = {
    "even": [0, 2, 4, 6, 8],
    "loop": [0, 6, 8, 9],
    "prime": [2, 3, 5, 7],
    "power of two": [1, 2, 4, 8],
    "five": [5],
    "eight": [8],
}
X, digit = load_digits(return_X_y=True)
X = X + np.random.default_rng(0).normal(scale=14, size=X.shape)
Y = np.column_stack([np.isin(digit, members) for members in LABELS.values()]).astype(int)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.5, random_state=0)
model = MultiOutputClassifier(LogisticRegression(C=1e-3, max_iter=1000))

# %%
# Macro F1 of the three choices.
per_label = ThresholdTuner(model, scoring="f1_macro", random_state=0).fit(X_train, Y_train)
shared = ThresholdTuner(model, scoring="f1_macro", strategy="global", random_state=0).fit(X_train, Y_train)
scores = {
    "0.5": f1_score(Y_test, per_label.estimator_.predict(X_test), average="macro"),
    f"one threshold, {shared.thresholds_[0]:.2f}": f1_score(Y_test, shared.predict(X_test), average="macro"),
    "one per label": f1_score(Y_test, per_label.predict(X_test), average="macro"),
}
print(*(f"macro F1 at {name}: {score:.3f}" for name, score in scores.items()), sep="\n")

# %%
# Each curve is exact: a step at every score. The band is the bootstrap's standard error of the threshold.
display = ThresholdCurveDisplay.from_estimator(per_label, X_test, Y_test, names=list(LABELS))
for ax in display.axes_:
    ax.axvline(0.5, color="0.6", ls="--", lw=1)
display.figure_.suptitle(
    "Macro F1 on unseen rows. " + "; ".join(f"{name}: {score:.2f}" for name, score in scores.items())
)
plt.show()

# %%
# Rare labels go missing: 99 rows without a five or an eight cannot teach what these are. MLPMultiLabel predicts such labels as
# it has seen them: one warning names them, their probability is 1 / (n + 2) in every row, and the other labels are predicted as
# they are without these columns.
few = ~np.isin(digit, [5, 8]) & (np.arange(len(digit)) < 120)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    clf = MLPMultiLabel(random_state=0).fit(X[few], Y[few])
print(told[0].message)
print("the last two labels:", np.unique(clf.predict_proba(X_test)[:, 4:].round(4)), f"= 1 / ({few.sum()} + 2)")

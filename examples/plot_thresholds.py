"""
Thresholds: which one should a cancer screening use?
====================================================

A sigmoid gives a probability; somebody has to choose the threshold. Here malignant tumours are the positive class, rare as in
a screening. Three purposes give three thresholds of one and the same model.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import ThresholdCurveDisplay, ThresholdTuner

# %%
# All benign rows, a quarter of the malignant ones, and five features that are easy to measure.
X, y = load_breast_cancer(return_X_y=True)
y = 1 - y
rows = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[::4]])
X_train, X_test, y_train, y_test = train_test_split(
    X[rows, :5], y[rows], test_size=0.5, stratify=y[rows], random_state=0
)
model = make_pipeline(StandardScaler(), LogisticRegression())

# %%
# The best F1; as few misses as possible while half of the alarms are right; and a price for each mistake.
purposes = {
    "Best F1": {"scoring": "f1"},
    "Recall, at precision of 0.5 or more": {"scoring": "recall", "constraint": ("precision", ">=", 0.5)},
    "A miss costs 20 false alarms": {"cost_matrix": [[0, 1], [20, 0]]},
}
figure, axes = plt.subplots(1, 3, figsize=(13, 3.9), layout="constrained")
for ax, (purpose, params) in zip(axes, purposes.items(), strict=True):
    tuner = ThresholdTuner(model, random_state=0, **params).fit(X_train, y_train)
    ThresholdCurveDisplay.from_estimator(tuner, X_test, y_test, ax=ax)
    found, alarms = tuner.predict(X_test)[y_test == 1].sum(), tuner.predict(X_test).sum()
    ax.set_title(
        f"{purpose}\n{found} of {y_test.sum()} tumours found, {alarms - found} false alarms", fontsize="medium"
    )
    print(
        f"{purpose}: threshold {tuner.best_threshold_:.3f} +- {tuner.threshold_std_:.3f}, expected score "
        f"{tuner.best_score_:.3f}"
    )
figure.suptitle("One model, three purposes, three thresholds: on unseen rows")
plt.show()

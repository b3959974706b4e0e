"""
Comparing models: is the winner of a grid search better, or lucky?
==================================================================

A grid search over heads and activations names a winner in any case. The folds of a cross-validation share most of their training
rows, so their scores vary together, and a plain t-test trusts them too much. The corrected resampled t-test (Nadeau and Bengio
2003) widens the variance of the mean from 1 / J to 1 / J + n_test / n_train for J folds.
"""
import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold

from sklearn_heads import MLPMulticlass

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]  # some of the rows, to be quick
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
grid = {"head": ["softmax", "sigmoid"], "activation": ["relu", "gelu", "tanh", "logistic"]}
search = GridSearchCV(
    MLPMulticlass(hidden_layer_sizes=(64,), n_members=1, random_state=0), grid, scoring="neg_log_loss", cv=folds, refit=False,
).fit(X, y)

# %%
# Each setting against the winner, fold by fold.

results = search.cv_results_
n_folds = folds.get_n_splits()
losses = -np.array([results[f"split{fold}_test_score"] for fold in range(n_folds)]).T
order = np.argsort(losses.mean(axis=1))
difference = losses[order] - losses[order[0]]
names = [f"{results['params'][k]['head']}, {results['params'][k]['activation']}" for k in order]

spread, quantile = difference.std(axis=1, ddof=1), stats.t.ppf(0.975, n_folds - 1)
plain = quantile * spread * np.sqrt(1 / n_folds)
corrected = quantile * spread * np.sqrt(1 / n_folds + 1 / 4)  # a fold tests on a quarter as many rows as it trains on

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
height = np.arange(len(names))[::-1]
ax.plot(difference, height, ".", color="0.75", zorder=1)
mean = difference.mean(axis=1)
ax.errorbar(mean[1:], height[1:], xerr=corrected[1:], fmt="none", ecolor="C0", capsize=4, label="corrected 95% interval")
ax.errorbar(mean[1:], height[1:], xerr=plain[1:], fmt="none", ecolor="C0", elinewidth=5, alpha=0.4, label="as if independent")
ax.plot(mean, height, "oC0")
ax.axvline(0, color="0.4", linewidth=0.8)
ax.set_yticks(height, names)
ax.set(xlabel="log loss above the winner's (grey: a fold each)", title=f"The winner: {names[0]}, {losses[order[0]].mean():.3f}")
ax.set_ylim(-0.7, len(names) + 0.6)
ax.legend(loc="upper right")

# %%
# Settings whose corrected interval holds zero are not told apart from the winner by these folds. Choose among them by what else
# matters. The intervals are for one comparison each; the winner was chosen for its luck, too, so they flatter it.

for name, d, r in zip(names[1:], mean[1:], corrected[1:]):
    print(f"{name:18} {d:+.4f} +- {r:.4f}   {'not told apart' if d < r else 'worse'}")

"""
Promises: can I promise 90% precision?
======================================

A threshold that has a precision of 0.9 on the rows at hand has it on new rows about every other time: it was chosen to just meet
the bound, and chance helped. With ``confidence=0.9`` the tuner takes only thresholds whose precision is shown by an exact test,
and the promise is kept at least nine times out of ten. The price is a little recall.

Here one model is tuned again and again, each time on 3,000 other rows that it was not trained on. Which precision its threshold
really has is counted on 150,000 rows that stand for the future (left).

The region that can be promised, from one of the draws, is shaded (right): any threshold in it may be used. The price is what the
promise costs in recall, against the best threshold at which the rows seen have the precision.
"""
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from sklearn_heads import ThresholdCurveDisplay, ThresholdTuner

X, y = make_classification(
    155_000, n_features=12, n_informative=6, weights=[0.9], flip_y=0.01, class_sep=1.3, random_state=4
)
model = FrozenEstimator(LogisticRegression().fit(X[:5000], y[:5000]))
future, truth = X[5000:], y[5000:]
scores = model.predict_proba(future)[:, 1]

BOUND, CONFIDENCE, REPETITIONS, ROWS = 0.9, 0.9, 60, 3000
estimate = ThresholdTuner(
    model, scoring="recall", constraint=("precision", ">=", BOUND), cv="prefit", refit=False, random_state=0
)
promise = ThresholdTuner(**estimate.get_params(deep=False)).set_params(confidence=CONFIDENCE)


def reality(tuner, rows):
    """Precision and recall, in the future, of the threshold tuned on these rows."""
    caught = scores >= tuner.fit(future[rows], truth[rows]).best_threshold_
    return truth[caught].mean(), caught[truth == 1].mean()


rng = np.random.default_rng(0)
draws = [rng.choice(len(truth), ROWS) for _ in range(REPETITIONS)]
real = {name: np.array([reality(tuner, rows) for rows in draws])
        for name, tuner in {"point estimate": estimate, "promise at 0.9": promise}.items()}

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
bins = np.linspace(0.82, 0.98, 33)
for name, values in real.items():
    broken = (values[:, 0] < BOUND).mean()
    left.hist(values[:, 0], bins, alpha=0.6, label=f"{name}: {broken:.0%} below {BOUND}, recall {values[:, 1].mean():.2f}")
left.axvline(BOUND, color="0.2", ls="--", lw=1)
left.set(xlabel="precision in the future", ylabel="repetitions", title=f"{REPETITIONS} repetitions, {ROWS:,} rows each")
left.legend(loc="upper left", fontsize="small")
left.set_ylim(top=1.35 * left.get_ylim()[1])

ThresholdCurveDisplay.from_estimator(promise, future[draws[-1]], truth[draws[-1]], ax=right)
right.set_title("one of them")
plt.show()

for name, values in real.items():
    print(
        f"{name}: precision below {BOUND} in {(values[:, 0] < BOUND).sum()} of {REPETITIONS} repetitions, the worst "
        f"{values[:, 0].min():.3f}; mean recall {values[:, 1].mean():.3f}"
    )
low, high = promise.constraint_interval_
print(f"of the last: {promise.constraint_score_:.3f} expected, between {low:.3f} and {high:.3f}")

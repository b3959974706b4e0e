"""
Costs: what does the wrong metric cost?
=======================================

A missed tumour is worse than a false alarm. How much worse is for people to say, and a metric does not ask them: accuracy takes
one for the other, F1 has a rate of its own. Here each purpose gets its threshold, and the bill is paid on unseen rows.

The features are five that are easy to measure, and the malignant rows are thinned to an eighth of all, as in a screening. The
bill is the mean over ten splits into halves, trained on one and paid on the other; the probabilities are the same for all
thresholds.
"""
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import ThresholdTuner

X, benign = load_breast_cancer(return_X_y=True)
malignant = 1 - benign
rows = np.concatenate([np.flatnonzero(benign), np.flatnonzero(malignant)[::4]])
X, malignant = X[rows, :5], malignant[rows]

PRICES = [1, 2, 5, 10, 20, 50, 100]  # of a miss, in false alarms
model = make_pipeline(StandardScaler(), LogisticRegression())
halves = StratifiedShuffleSplit(10, test_size=0.5, random_state=0)


def bill(predicted, true, price):
    """Of each hundred rows."""
    return 100 * np.mean(np.where(true == 1, price * (predicted == 0), predicted == 1))


def bills(train, test):
    """A row for each price: of the threshold for accuracy, the threshold for F1, the threshold tuned on costs."""
    def tuned(**purpose):
        return ThresholdTuner(model, random_state=0, **purpose).fit(X[train], malignant[train]).predict(X[test])

    by_metric = [tuned(scoring=metric) for metric in ("accuracy", "f1")]
    return [
        [bill(predicted, malignant[test], price)
         for predicted in [*by_metric, tuned(cost_matrix=[[0, 1], [price, 0]])]]
        for price in PRICES
    ]


paid = np.array([bills(train, test) for train, test in halves.split(X, malignant)])  # (halves, prices, thresholds)

# %%
# A cost matrix has the true class in its rows and the predicted one in its columns: ``[[0, 1], [price, 0]]``.

figure, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for k, (purpose, style) in enumerate({"for accuracy": "o-", "for F1": "s--", "for these costs": "o-"}.items()):
    mean, error = paid[:, :, k].mean(axis=0), paid[:, :, k].std(axis=0, ddof=1) / np.sqrt(len(paid))
    line, = ax.plot(PRICES, mean, style, label=f"threshold tuned {purpose}")
    ax.fill_between(PRICES, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0)
ax.plot(PRICES, np.full(len(PRICES), 100 * np.mean(malignant == 0)), ":", color="0.3", label="alarm for everybody")
ax.set(xscale="log", yscale="log", xticks=PRICES, xticklabels=PRICES)
ax.minorticks_off()
ax.set(xlabel="price of a miss, in false alarms", ylabel="bill of a hundred rows, in false alarms")
ax.legend()
figure.suptitle("The bill on unseen rows: mean over ten halves and its standard error")

# %%
# While both mistakes cost the same, so do the three thresholds. The dearer a miss, the more it costs to have asked a metric that
# does not know the price. At the far end even the tuned threshold is dearer than an alarm for everybody: the few tumours of
# a training half cannot say where the least visible of the next ones lies.

print("price   for accuracy   for F1   for these costs")
for price, row in zip(PRICES, paid.mean(axis=0)):
    print(f"{price:5} {row[0]:14.1f} {row[1]:8.1f} {row[2]:17.1f}")

"""
Early stopping: when does training stop, and which epoch is kept?
=================================================================

Each network stops when the log loss of rows it does not train on has not improved for ``n_iter_no_change`` epochs, and goes back
to its best epoch. :class:`~sklearn_heads.LossCurveDisplay` draws what it saw. With several members, each is stopped by a fold of
its own: a thin line each, and their mean as far as all have trained.
"""
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from sklearn_heads import LossCurveDisplay, MLPMulticlass

X, y = load_digits(return_X_y=True)
X, y = X[:1000], y[:1000]  # some of the rows, to be quick
one = MLPMulticlass(n_members=1, random_state=0).fit(X, y)
five = MLPMulticlass(random_state=0).fit(X, y)
long_steps = MLPMulticlass(learning_rate_init=0.03, random_state=0).fit(X, y)
theirs = MLPClassifier(random_state=0).fit(X, y)

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
LossCurveDisplay.from_estimator({"one network": one, "MLPClassifier": theirs}, ax=axes[0])
LossCurveDisplay.from_estimator(five, name="five members", ax=axes[1])
LossCurveDisplay.from_estimator({"steps of 0.003": five, "steps of 0.03": long_steps}, ax=axes[2], training=False)
for ax, title in zip(axes, ["One network each", "Five members", "Two settings, validation loss"]):
    ax.set(title=title, yscale="log")

# %%
# MLPClassifier has no validation loss: it watches accuracy, and only when asked to. The training loss falls for ever and says
# nothing of rows not seen.

"""
Choosing a head: what goes wrong when it does not fit the labels?
=================================================================

Two mistakes that train without complaint elsewhere, on the handwritten digits.

A softmax for labels that occur together: each digit gets those of "even", "at least five", "prime", "closed loop" that hold for
it. And independent sigmoids for classes that exclude each other: scikit-learn's MLPClassifier on the one-hot matrix of the
digits. The estimators of this package refuse both; here the first mistake is made by hand.
"""
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_heads import losses

X, digits = load_digits(return_X_y=True)
having = [{0, 2, 4, 6, 8}, {5, 6, 7, 8, 9}, {2, 3, 5, 7}, {0, 6, 8, 9}]
labels = np.column_stack([np.isin(digits, list(numbers)) for numbers in having]).astype(float)
X_train, X_test, labels_train, labels_test, digits_train, digits_test = train_test_split(X, labels, digits, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)


def trained(loss_gradient):
    """Weights (65, 4) of a linear model under this loss, with a little L2."""

    def objective(flat):
        W = flat.reshape(65, 4)
        loss, gradient = loss_gradient(X_train @ W[:-1] + W[-1], labels_train)
        flat_gradient = np.vstack([X_train.T @ gradient, gradient.sum(axis=0)]).ravel()
        return loss.sum() + flat @ flat / 2, flat_gradient + flat

    return minimize(objective, np.zeros(65 * 4), jac=True, method="L-BFGS-B").x.reshape(65, 4)


def logits(W):
    return X_test @ W[:-1] + W[-1]


proba = {
    "softmax, forced": losses.softmax(logits(trained(losses.cross_entropy_loss_gradient))),
    "sigmoids": losses.sigmoid(logits(trained(losses.binary_cross_entropy_loss_gradient))),
}

# %%
# The same data, the same linear model, two losses. What probability do the labels get that are true?

one_hot = np.eye(10, dtype=int)[digits_train]
n_answers = MLPClassifier(max_iter=400, random_state=0).fit(X_train, one_hot).predict(X_test).sum(axis=1)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", width_ratios=[3, 2])
jitter = np.random.default_rng(0).uniform(-0.14, 0.14, size=labels_test.shape)
count = labels_test.sum(axis=1).astype(int)
for k, (name, p) in enumerate(proba.items()):
    place = count[:, None] + jitter + [-0.19, 0.19][k]
    true = labels_test == 1
    left.plot(place[true], p[true], ".", markersize=3, color=["C3", "C0"][k])
    left.plot([], [], "o", color=["C3", "C0"][k], label=f"{name}: finds {(p[true] >= 0.5).mean():.0%} of them")
left.hlines([1, 1 / 2, 1 / 3], [0.6, 1.6, 2.6], [1.4, 2.4, 3.4], "0.3", "--", linewidth=1, label="1 / number of labels")
left.axhline(0.5, color="0.3", linewidth=0.8)
left.set_xticks([1, 2, 3])
left.set(xlabel="labels true of the row", ylabel="probability of each", title="Softmax makes true labels share one")
left.set(ylim=(-0.42, 1.05), yticks=[0, 0.5, 1])
left.legend(loc="lower center", frameon=False)
bars = right.bar(["none", "one", "several"], [(n_answers == 0).sum(), (n_answers == 1).sum(), (n_answers > 1).sum()], color="C3")
right.bar_label(bars)
right.set(xlabel="classes predicted for the row", ylabel="test rows", title="MLPClassifier on one-hot classes")
right.margins(y=0.1)

# %%
# With m labels true of a row, a softmax that is sure of them all can give each 1 / m and no more, so a threshold of one half
# loses most. And K sigmoids that know nothing of each other leave some rows without a class, and others with two.

"""
Streams: how much is lost when rows are seen only once?
=======================================================

``partial_fit`` makes one pass over each portion and goes on. Here the handwritten digits arrive a hundred at a time, and after
each portion the log loss on rows kept aside is compared with that of a network fitted anew on all rows so far.
"""
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_heads import MLPMulticlass

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=397, stratify=y, random_state=0)
portions = np.arange(len(y_train)).reshape(-1, 100)


def streamed(clf, passes):
    """Test loss after each portion, given to partial_fit so many times."""
    curve = []
    for portion in portions:
        for _ in range(passes):
            clf.partial_fit(X_train[portion], y_train[portion], classes=np.arange(10))
        curve.append(log_loss(y_test, clf.predict_proba(X_test)))
    return curve


# %%
# The first call fixes the classes and the scaling of X; later portions are scaled the same way. MLPClassifier does not scale, so
# it gets a StandardScaler fitted on the first portion. Its steps are of all the hundred rows, and a third as long.

refitted = [
    log_loss(y_test, MLPMulticlass(n_members=1, random_state=0).fit(X_train[:n], y_train[:n]).predict_proba(X_test))
    for n in portions[:, -1] + 1
]
curves = {
    "one pass per portion": (streamed(MLPMulticlass(random_state=0), 1), "o-C0"),
    "five passes per portion": (streamed(MLPMulticlass(random_state=0), 5), "s-C2"),
    "fitted anew on all rows so far": (refitted, "--C7"),
}
scaler = StandardScaler().fit(X_train[portions[0]])
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
curves["MLPClassifier, one pass"] = streamed(MLPClassifier(random_state=0), 1), "^-C1"
curves["MLPClassifier, five passes"] = streamed(MLPClassifier(random_state=0), 5), "v-C3"

figure, ax = plt.subplots(figsize=(10, 4.2), layout="constrained")
for name, (curve, style) in curves.items():
    ax.plot(portions[:, -1] + 1, curve, style, label=f"{name}: {curve[-1]:.2f} in the end")
ax.set_yscale("log")
ax.set(xlabel="rows seen", ylabel="log loss on 397 other rows", title="Digits, a hundred rows at a time")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# A second look at old rows is what a stream cannot give: a fit on all rows makes many passes. Several passes over each portion
# make up for much of it, as long as portions resemble each other.

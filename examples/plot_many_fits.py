"""
Threads: can many fits share one process?
=========================================

Training happens in compiled code that does not hold Python's lock and starts no threads of its own. So fits in threads of one
process run beside each other, on the same copy of the data, with nothing to start and nothing to send; and each gives the bits
that it gives alone. That makes it cheap to ask a question that one fit cannot answer: does the width of the network matter more
than the seed?
"""
import os
import time
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_heads import MLPMulticlass

X_train, X_test, y_train, y_test = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=0)
WIDTHS, SEEDS = [16, 32, 64, 128, 256], range(4)
jobs = [(width, seed) for width in WIDTHS for seed in SEEDS]


def run(job):
    """Fit one network; its log loss on the test rows, when it began and when it ended."""
    width, seed = job
    began = time.perf_counter()
    clf = MLPMulticlass(hidden_layer_sizes=(width,), n_members=1, max_iter=40, random_state=seed).fit(X_train, y_train)
    loss = log_loss(y_test, clf.predict_proba(X_test))
    return loss, began, time.perf_counter()


def timed(n_threads):
    """All fits in so many threads: losses, and the time of each from the common start."""
    start = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as pool:
        losses, began, ended = map(np.array, zip(*pool.map(run, jobs)))
    return losses, began - start, ended - start


run(jobs[0])  # what is done once in a process is not timed
alone, beside = timed(1), timed(2)
print(f"{len(jobs)} fits, {os.cpu_count()} processors: {alone[2].max():.1f} s in one thread, {beside[2].max():.1f} s in two")
print("the same bits:", np.array_equal(alone[0], beside[0]))

# %%
# Left: each bar is a fit. In two threads two run at any time; how much sooner the last one ends is up to the processors that are
# free. Right: the log losses, which are the same however many threads there were. Up to 64 units the width matters more than the
# seed; beyond, the seed does.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", width_ratios=[3, 2])
for top, (_, began, ended), color in [(0, alone, "C0"), (len(jobs) + 2, beside, "C1")]:
    left.barh(top + np.arange(len(jobs)), ended - began, left=began, color=color, height=0.9)
left.invert_yaxis()
left.set_yticks([len(jobs) / 2, 1.5 * len(jobs) + 2], ["one thread", "two threads"])
left.set_xlabel("seconds")
left.set_title(f"{len(jobs)} fits")
right.plot(np.repeat(WIDTHS, len(SEEDS)), alone[0], "o", color="0.6", label="a seed")
right.plot(WIDTHS, alone[0].reshape(len(WIDTHS), -1).mean(axis=1), "_", color="C3", markersize=16, label="mean")
right.set(xscale="log", xticks=WIDTHS, xticklabels=WIDTHS, xlabel="hidden units", ylabel="log loss on the test rows")
right.minorticks_off()
right.legend()
right.set_title("What they were for")
plt.show()

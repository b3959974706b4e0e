"""One network on one thread and on several: seconds of a fit, and what a hand-over between threads costs.

    python benchmarks/bench_threads.py [--rounds 5] [--threads 2] [--only 784] [--json threads.json]

The same fit with n_jobs=1 and n_jobs=threads in turn, and, where installed, torch's epochs with as many threads each. Ratios
above 1 are in favour of several threads ("speed-up") or of ours ("against torch"). "same bits" compares every weight. "per batch"
is the time of one batch on one thread: below some 200 microseconds a fit keeps to one thread, whatever n_jobs says.
"""
import time
import warnings

from bench_fit import torch_epoch
from common import interleaved, parser, report, write

import numpy as np

from sklearn_heads import MLPMulticlass

CONFIGURATIONS = [  # rows, features, hidden, classes, batch
    (10_000, 784, (512, 256), 10, 200),
    (20_000, 54, (256, 256), 7, 256),
    (20_000, 54, (256, 256), 7, 512),
    (10_000, 54, (128,), 7, 64),
]
EPOCHS = 4


def torch_epochs(threads, *task):
    """EPOCHS epochs of torch on so many threads; None without torch."""
    run = torch_epoch(*task)
    if run is None:
        return None
    import torch

    def call():
        torch.set_num_threads(threads)
        for _ in range(EPOCHS):
            run()

    return call


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--threads", type=int, default=2)
    options = arguments.parse_args()
    warnings.simplefilter("ignore")  # four epochs are no training
    rows = []
    for n, d, hidden, k, batch in CONFIGURATIONS:
        name = f"{d}-{'-'.join(map(str, hidden))}-{k}, batch {batch}"
        if options.only not in name:
            continue
        random = np.random.default_rng(0)
        X = random.normal(size=(n, d)).astype(np.float32)
        y = X[:, :k].argmax(axis=1)

        def fit(n_jobs):
            return MLPMulticlass(
                hidden, batch_size=batch, max_iter=EPOCHS, n_jobs=n_jobs, n_members=1, input_encoding=None, dropout=0,
                early_stopping=False, random_state=0, n_iter_no_change=None,
            ).fit(X, y)

        several = options.threads
        same = np.array_equal(*(fit(n_jobs).members_[0].network.parameters for n_jobs in (1, several)))
        contestants = {"one": lambda: fit(1), "several": lambda: fit(several)}
        peer = torch_epochs(several, X, y, hidden, k, batch)
        if peer is not None:
            contestants["torch"] = peer
        seconds = interleaved(contestants, options.rounds)
        rows.append({
            "network": name,
            "one thread, s": seconds["one"],
            f"{several} threads, s": seconds["several"],
            "speed-up": seconds["one"] / seconds["several"],
            "against torch": seconds["torch"] / seconds["several"] if peer is not None else float("nan"),
            "per batch, us": seconds["one"] / EPOCHS / (n / batch) * 1e6,
            "same bits": same,
        })
    report(f"One network on {options.threads} threads ({time.strftime('%Y-%m-%d')})", rows)
    write(options.json, rows)


if __name__ == "__main__":
    main()

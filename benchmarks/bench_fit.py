"""Time of a training epoch, and of a whole fit, against MLPClassifier and, where installed, torch.

    python benchmarks/bench_fit.py [--rounds 7] [--only 784] [--json fit.json]

Same rows, network, batches and solver (Adam, float32), one thread, the contestants in turn; ratios above 1 are in our
favour. "epoch" is partial_fit for MLPClassifier, ours and torch's eager loop alike; "fit" is ten epochs of fit with
validation rows and stopping off. "GF/s" counts the multiplications and additions of the matrix products only.
"""
import warnings
from itertools import pairwise

from common import interleaved, parser, report

import numpy as np
from sklearn.neural_network import MLPClassifier

from sklearn_heads import MLPBinary, MLPMulticlass

CONFIGURATIONS = [  # rows, features, hidden, classes, batch
    (10_000, 20, (100,), 2, 200),
    (10_000, 20, (100,), 10, 200),
    (20_000, 64, (128, 128), 10, 256),
    (10_000, 784, (256, 128), 10, 200),
    (2_000, 20, (32,), 2, 32),
    (100_000, 54, (100,), 7, 200),
    (500, 30, (100,), 2, 200),
]
PLAIN = {
    "n_members": 1, "input_encoding": None, "dropout": 0, "weight_decay": 0, "weight_init": "glorot_uniform",
    "early_stopping": False,
}


def torch_epoch(X, y, hidden, n_classes, batch):
    """An eager training epoch in torch with its fused Adam, or None without torch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    units = [X.shape[1], *hidden, 1 if n_classes == 2 else n_classes]
    layers = []
    for fan_in, fan_out in pairwise(units):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    loss = torch.nn.BCEWithLogitsLoss() if n_classes == 2 else torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rows = torch.from_numpy(X)
    targets = torch.from_numpy(y.astype(np.float32)[:, None] if n_classes == 2 else y)

    def epoch():
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), batch):
            index = order[start : start + batch]
            optimizer.zero_grad()
            loss(model(rows[index]), targets[index]).backward()
            optimizer.step()

    return epoch


def main():
    arguments = parser(__doc__).parse_args()
    rows = []
    for n, d, hidden, k, batch in CONFIGURATIONS:
        name = f"{n}, {d}, {hidden}, {k}, {batch}"
        if arguments.only not in name:
            continue
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((n, d)).astype(np.float32), rng.integers(0, k, n)
        ours = MLPBinary if k == 2 else MLPMulticlass
        settings = {"hidden_layer_sizes": hidden, "batch_size": batch, "learning_rate_init": 1e-3, "random_state": 0}
        network, peer = ours(**settings, **PLAIN), MLPClassifier(**settings)
        epochs = {
            "ours": lambda: network.partial_fit(X, y),
            "MLPClassifier": lambda: peer.partial_fit(X, y, classes=range(k)),
        }
        eager = torch_epoch(X, y, hidden, k, batch)
        if eager is not None:
            epochs["torch"] = eager
        fits = {
            "ours": lambda: ours(**settings, **PLAIN, max_iter=10).fit(X, y),
            "MLPClassifier": lambda: MLPClassifier(**settings, max_iter=10).fit(X, y),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ten epochs are not meant to converge
            epoch, fit = interleaved(epochs, arguments.rounds), interleaved(fits, max(1, arguments.rounds // 2))
        units = [d, *hidden, 1 if k == 2 else k]
        flops = 6 * n * sum(a * b for a, b in pairwise(units))
        rows.append({
            "rows, features, hidden, classes, batch": name,
            "epoch, ms": epoch["ours"] * 1e3,
            "against MLPClassifier": epoch["MLPClassifier"] / epoch["ours"],
            "against torch": epoch["torch"] / epoch["ours"] if eager is not None else "-",
            "GF/s": flops / epoch["ours"] / 1e9,
            "fit against MLPClassifier": fit["MLPClassifier"] / fit["ours"],
        })
    report("Training, one thread, float32", rows, arguments.json)


if __name__ == "__main__":
    main()

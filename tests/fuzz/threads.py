"""Fits and predictions beside each other in threads: every answer has the bits that it has alone.

    python tests/fuzz/threads.py --rounds 20 --threads 6 --seed 0

Predictions by an estimator that another thread is fitting anew are those of the fit before or of the one after, not of a mixture.
"""
import argparse
import pickle
import sys
import threading
import traceback
import warnings

import numpy as np
from faults import OPTIONS, TASKS, X, answer, new

from sklearn_heads import MLPBinary


class Refitted:
    """An estimator that is fitted again and again, to data of another width in turn, while others ask it."""

    def __init__(self):
        self.data = [(X, X[:, 0] > 0), (np.ascontiguousarray(X[:, :3]), X[:, 1] > 0)]
        self.alone = [MLPBinary(n_members=2, **OPTIONS).fit(*data).predict_proba(data[0]).tobytes() for data in self.data]
        self.estimator, self.turn, self.lock = MLPBinary(n_members=2, **OPTIONS).fit(*self.data[0]), 0, threading.Lock()

    def fit(self):
        with self.lock:
            self.turn = 1 - self.turn
            self.estimator.fit(*self.data[self.turn])

    def ask(self, which):
        try:
            found = self.estimator.predict_proba(self.data[which][0])
        except ValueError as error:
            if "features" in str(error):  # it is fitted to the other width now
                return
            raise
        assert found.tobytes() == self.alone[which], "neither the fit before nor the one after"


def work(random, rounds, whole, alone, refitted):
    for _ in range(rounds):
        task, what = list(TASKS)[random.randint(len(TASKS))], random.randint(4)
        if what == 0:
            assert answer(new(task).fit(X, TASKS[task][1])) == alone[task], f"a fit of {task} has other bits"
        elif what == 1:
            for _ in range(20):
                assert answer(whole[task]) == alone[task], f"a prediction of {task} has other bits"
            assert answer(pickle.loads(pickle.dumps(whole[task]))) == alone[task]
        elif what == 2:
            refitted.fit()
        else:
            for _ in range(20):
                refitted.ask(random.randint(2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.setswitchinterval(1e-5)
    whole = {task: new(task).fit(X, y) for task, (_, y, _) in TASKS.items()}
    alone, refitted, failed = {task: answer(estimator) for task, estimator in whole.items()}, Refitted(), []

    def guarded(seed):
        try:
            work(np.random.RandomState(seed), arguments.rounds, whole, alone, refitted)
        except BaseException:
            failed.append(seed)
            print(f"seed {seed} failed:\n{traceback.format_exc()}", flush=True)

    threads = [threading.Thread(target=guarded, args=(arguments.seed + t,)) for t in range(arguments.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"threads: {arguments.threads} x {arguments.rounds} rounds from seed {arguments.seed} on, failed: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

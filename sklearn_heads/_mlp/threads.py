"""Calls side by side in threads, this one among them."""
from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial


def in_threads(call, n_calls, n_threads, on_failure=lambda: None):
    """[call(0), ..., call(n_calls - 1)], in this thread and up to n_threads - 1 others.

    Where the system has no more threads, fewer do the work. After a failure no call begins any more; `on_failure` may end
    those that run. All have ended when this returns or raises the error of the first call that failed, or KeyboardInterrupt
    where nothing else went wrong.
    """
    results, errors, waiting, lock = [None] * n_calls, {}, iter(range(n_calls)), threading.Lock()

    def work():
        while not errors:
            with lock:
                nth = next(waiting, None)
            if nth is None:
                return
            try:
                results[nth] = call(nth)
            except BaseException as error:
                errors[nth] = error
                on_failure()

    helpers = []
    try:
        _start(helpers, [work] * (min(n_threads, n_calls) - 1))
        work()
        _join(helpers)
    except BaseException as error:  # Ctrl-C comes to the main thread, between its calls as well
        errors[n_calls] = error
        on_failure()
        _join(helpers)
    if errors:
        raise min(errors.items(), key=lambda item: (isinstance(item[1], KeyboardInterrupt), item[0]))[1]
    return results


def _start(threads, targets):
    """A thread for each of these, in `threads` from before it begins; or for as many as the system has."""
    for target in targets:
        threads.append(threading.Thread(target=target))
        try:
            threads[-1].start()
        except RuntimeError:  # no more threads
            threads.pop()
            return


def _join(threads):
    for thread in threads:
        if thread.ident is not None:  # else Ctrl-C came before it began
            thread.join()


class Spare:
    """The threads of a fit that no member needs for itself: lent to those that train, for a stretch of epochs at a time.

    n_threads : int, of the whole fit, one for each member that trains included
    """

    def __init__(self, n_threads):
        self.n_threads, self.n_training, self.n_lent, self.lock = n_threads, 0, 0, threading.Lock()

    @contextmanager
    def training(self):
        """Around the training of a member."""
        with self.lock:
            self.n_training += 1
        try:
            yield
        finally:
            with self.lock:
                self.n_training -= 1

    @contextmanager
    def lent(self):
        """How many there are now, no more than the share of a member."""
        with self.lock:
            share = -(-self.n_threads // max(self.n_training, 1)) - 1
            n = max(0, min(share, self.n_threads - self.n_training - self.n_lent))
            self.n_lent += n
        try:
            yield n
        finally:
            with self.lock:
                self.n_lent -= n


@contextmanager
def helped(epochs, n_helpers):
    """Threads that share the batches of `epochs` meanwhile: so many, or as many as the system has."""
    if n_helpers == 0:
        yield
        return
    helpers = []
    epochs.invite()
    try:
        _start(helpers, [partial(epochs.help, who) for who in range(1, n_helpers + 1)])
        yield
    finally:
        epochs.dismiss()
        try:
            _join(helpers)
        except KeyboardInterrupt:  # they are on their way out
            _join(helpers)
            raise

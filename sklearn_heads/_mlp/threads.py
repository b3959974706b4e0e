"""Calls side by side in threads, this one among them."""
from __future__ import annotations

import threading


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
        for _ in range(min(n_threads, n_calls) - 1):
            helper = threading.Thread(target=work)
            helpers.append(helper)
            try:
                helper.start()
            except RuntimeError:  # no more threads
                helpers.pop()
                break
        work()
        _join(helpers)
    except BaseException as error:  # Ctrl-C comes to the main thread, between its calls as well
        errors[n_calls] = error
        on_failure()
        _join(helpers)
    if errors:
        raise min(errors.items(), key=lambda item: (isinstance(item[1], KeyboardInterrupt), item[0]))[1]
    return results


def _join(threads):
    for thread in threads:
        if thread.ident is not None:  # else Ctrl-C came before it began
            thread.join()

"""BLAS on one thread while L-BFGS steps; our own products do not use it."""
from __future__ import annotations

import threading
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_users = 0
_libraries = None
_before = []


@contextmanager
def one_blas_thread():
    """Hold BLAS to one thread: vectors of this size are not worth sharing, and sums in parts differ in the last bit.

    The limit is process-wide. Calls from several threads overlap: the first sets it, the last restores what was before.
    """
    global _users, _libraries, _before
    with _lock:
        if _users == 0:
            if _libraries is None:  # looking them up costs a millisecond, setting the limit one microsecond
                _libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            _before = [library.get_num_threads() for library in _libraries]
            for library in _libraries:
                library.set_num_threads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for library, n_threads in zip(_libraries, _before):
                    library.set_num_threads(n_threads)

"""BLAS on one thread while the package computes."""
from __future__ import annotations

import threading
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_users = 0
_limit = None
_controller = None


@contextmanager
def one_blas_thread():
    """Hold BLAS to one thread: the products here are too small to share, and two fits would fight for the cores.

    The limit is process-wide. Calls from several threads overlap: the first sets it, the last restores what was before.
    """
    global _users, _limit, _controller
    with _lock:
        if _users == 0:
            # Looking the libraries up costs a quarter of a millisecond, setting the limit ten microseconds.
            _controller = _controller or ThreadpoolController()
            _limit = _controller.limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()
                _limit = None

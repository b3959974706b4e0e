"""BLAS on one thread while L-BFGS steps; our own products do not use it."""
from __future__ import annotations

import os
import threading
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_holders = set()
_libraries = None
_before = []


@contextmanager
def one_blas_thread():
    """Hold BLAS to one thread: vectors of this size are not worth sharing, and sums in parts differ in the last bit.

    The limit is process-wide. Calls from several threads overlap: the first sets it, the last restores what was before.
    """
    holder = object()
    try:  # around all of it: Ctrl-C comes between any two lines
        with _lock:
            _hold(holder)
        yield
    finally:
        with _lock:
            _let_go(holder)


def _hold(holder):
    global _libraries, _before
    if not _holders:
        if _libraries is None:  # looking them up costs a millisecond, setting the limit one microsecond
            _libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        _before = [library.get_num_threads() for library in _libraries]
    _holders.add(holder)
    for library in _libraries:
        library.set_num_threads(1)


def _let_go(holder):
    if holder in _holders:
        _holders.remove(holder)
        if not _holders:
            _restore()


def _restore():
    for library, n_threads in zip(_libraries, _before):
        library.set_num_threads(n_threads)


def _begin_child():
    """A forked process has one thread, its own; those that held the limit stayed with its parent."""
    global _lock
    _lock = threading.Lock()
    if _holders:
        _holders.clear()
        _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)

"""Progress of a fit: verbose lines, and scikit-learn's callbacks in versions that have them.

A fit is a task. With one network its subtasks are the epochs (lbfgs: iterations); with several they are the members, and
the epochs are subtasks of these. Of a meta-estimator they are the fits that it makes.
"""
from __future__ import annotations

from contextlib import contextmanager, nullcontext

import sklearn

from sklearn_heads._sklearn.labels import with_gaps

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:
        """In place of scikit-learn's, which came with 1.9."""

        def set_callbacks(self, *callbacks):
            """Not before scikit-learn 1.9.

            Raises
            ------
            ImportError
            """
            raise ImportError(f"set_callbacks needs scikit-learn 1.9 or later, and this is {sklearn.__version__}.")

    def with_callbacks(method):
        return method


def say(line):
    """Print a line in one piece, since members in threads print at the same time."""
    print(f"{line}\n", end="")


class Nobody:
    """Where no callbacks are set: no tasks, no cost."""

    enough = listens = False

    def member(self, m, member, order):
        return nullcontext(self)

    def begin(self):
        pass

    def end(self):
        return False


class FitTask:
    """A fit with callbacks, told about from its creation, in the fit, to `end`.

    data : callable
        The rows of an index array, or of None for all, as the arguments "X", "y" and "metadata" of the hooks.
    state : callable
        The attributes that make an estimator ready to predict with the members it is given.
    """

    def __init__(self, estimator, data, state, settings, n_members):
        self.estimator, self.data, self.state, self.settings, self.n_members = estimator, data, state, settings, n_members
        self.enough = False  # set when a callback, told that a member is trained, asks for no more
        several = n_members > 1
        self.context = estimator._init_callback_context(
            max_subtasks=n_members if several else settings.max_iter, sequential_subtasks=not several
        )
        self.context.call_on_fit_task_begin(estimator=estimator, **data(None))

    def end(self):
        self.context.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes=dict, **self.data(None))

    @contextmanager
    def member(self, m, member, order):
        """Gives the steps of a member's training on these rows; around them the task of the member, where there are several."""
        told = {"estimator": self.estimator, **self.data(order)}
        told["reconstruction_attributes"] = lambda: self.state([member.copy()])
        name = "iteration" if self.settings.solver == "lbfgs" else "epoch"
        task, several = self.context, self.n_members > 1
        if several:
            task = task.subcontext("member", m, max_subtasks=self.settings.max_iter).call_on_fit_task_begin(**told)
        with Steps(task, name, told) as steps:
            yield steps
        if several and task.call_on_fit_task_end(**told):
            self.enough = True


class Steps:
    """The epochs or iterations of one network, one after another."""

    listens = True

    def __init__(self, task, name, told):
        self.task, self.name, self.told, self.step = task, name, told, None
        self.enough = False  # set when a callback asks that a step be the last

    def begin(self):
        """A step begins, if none is under way: lbfgs does not know which evaluation is the first of one."""
        if self.step is None:
            self.step = self.task.subcontext(self.name).call_on_fit_task_begin(**self.told)

    def end(self):
        """The step is over; whether a callback asks that it be the last."""
        step, self.step = self.step, None
        self.enough = step.call_on_fit_task_end(**self.told)
        return self.enough

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None and self.step is not None:  # interrupted, or a line search that found nothing
            self.end()


def fit_task(estimator, X, y, weights, state, settings, n_members):
    """The task of a fit; called inside it."""
    if not getattr(estimator, "_skl_callbacks", None):
        return Nobody()

    y = with_gaps(y)

    def data(order):
        """These rows, as functions: they are copied only if a hook asks for them."""

        def part(array):
            return array if order is None or len(order) == len(y) else array[order]

        metadata = None if weights is None else lambda: {"sample_weight": part(weights)}
        return {"X": lambda: part(X), "y": lambda: part(y), "metadata": metadata}

    return FitTask(estimator, data, state, settings, n_members)


class Fits:
    """The fits that a meta-estimator makes while it is fitted."""

    def __init__(self, meta, X, y):
        self.meta, self.X, self.y, self.context = meta, X, y, None

    def plan(self, names=()):
        """A SubFit for each name; whoever listens is told that the meta-estimator begins."""
        if not getattr(self.meta, "_skl_callbacks", None):
            return [SubFit(self.meta, None) for _ in names]
        self.context = self.meta._init_callback_context(max_subtasks=len(names), sequential_subtasks=False)
        self.context.call_on_fit_task_begin(estimator=self.meta, X=self.X, y=self.y)
        return [SubFit(self.meta, self.context.subcontext(name, i)) for i, name in enumerate(names)]

    def end(self):
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.meta, X=self.X, y=self.y, reconstruction_attributes=dict)


class SubFit:
    """One of these: its task and that of the estimator are the same."""

    def __init__(self, meta, context):
        self.meta, self.context = meta, context

    def fit(self, estimator, X, y, **params):
        if self.context is None:
            return estimator.fit(X, y, **params)
        with self.context.propagate_callback_context(estimator):
            self.context.call_on_fit_task_begin(estimator=self.meta, X=X, y=y)
            estimator.fit(X, y, **params)
            self.context.call_on_fit_task_end(estimator=self.meta, X=X, y=y)
        return estimator

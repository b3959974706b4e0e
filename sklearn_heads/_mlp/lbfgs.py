"""L-BFGS: all rows at once, in float64, driven by scipy."""
from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from sklearn_heads._mlp.blas import one_blas_thread
from sklearn_heads._mlp.stopping import check_loss
from sklearn_heads._sklearn.callbacks import say


def train_lbfgs(member, settings, examples, stop, name, steps):
    """Train a member by L-BFGS; the arguments and the result of `Member.train`."""
    network = member.network
    # A convex problem is worth solving to the digits, with LogisticRegression's tolerance; else scipy's, as MLPClassifier.
    ftol = 64 * np.finfo(np.float64).eps if network.n_layers == 1 else 2.220446049250313e-09

    def value_and_gradient(parameters):
        steps.begin()
        if stop.is_set():  # of few rows, an evaluation is over before the core would look
            raise KeyboardInterrupt
        network.parameters[:] = parameters
        return network.loss_and_gradient(
            examples.rows, examples.order, l2=settings.l2, smoothing=settings.label_smoothing, stop=stop
        )

    def record(intermediate_result):
        member.n_iter_ += 1
        member.loss_ = float(intermediate_result.fun)
        member.loss_curve_.append(member.loss_)
        best[:] = intermediate_result.x
        if settings.verbose > 1:
            say(f"{name}iteration {member.n_iter_:4d}   loss {intermediate_result.fun:.6f}")
        if steps.end():
            raise StopIteration

    member.n_iter_, best, complaint = 0, network.parameters.copy(), None
    try:
        with one_blas_thread():  # scipy's own steps: sums by several threads would differ in the last bit
            result = minimize(
                value_and_gradient,
                best.copy(),
                method="L-BFGS-B",
                jac=True,
                callback=record,
                options={"maxiter": settings.max_iter, "maxfun": settings.max_fun, "gtol": settings.tol, "ftol": ftol},
            )
    except KeyboardInterrupt:
        stop.set()
    else:
        best[:] = result.x
        check_loss(float(result.fun), member.n_iter_, settings, member.encoding)
        member.n_iter_ = max(result.nit, 1)
        if result.status and not steps.enough:
            complaint = (
                f"lbfgs stopped before it converged (max_iter={settings.max_iter}, max_fun={settings.max_fun}; it says "
                f"{result.message!r}): raise these or alpha, or scale the columns of X."
            )
        member.loss_ = float(result.fun)
    network.parameters[:] = best
    member.best_iter_ = len(member.loss_curve_)
    if settings.verbose:
        say(f"{name}{member.words()}: {member.n_iter_} iterations, loss {member.loss_:.6f}")
    member.t_ += member.n_iter_ * len(examples.order)
    return complaint

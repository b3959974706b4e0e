"""The estimator that the three public ones share: what goes in. Checks, fit, partial_fit."""
from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if

from sklearn_heads._core.layers import ACTIVATIONS
from sklearn_heads._mlp.elsewhere import warn_if_elsewhere
from sklearn_heads._mlp.encoding import InputEncoding
from sklearn_heads._mlp.ensemble import Ensemble, examples, new_member
from sklearn_heads._mlp.fitted import Fitted
from sklearn_heads._mlp.inputs import read_X
from sklearn_heads._mlp.labels import check_classes, some
from sklearn_heads._mlp.recipe import STREAM, resolve
from sklearn_heads._mlp.relevance import Relevance
from sklearn_heads._mlp.stream import Portion, Stream, together
from sklearn_heads._mlp.targets import Data, check_weights, of_mean_one
from sklearn_heads._mlp.training import Settings
from sklearn_heads._sklearn.callbacks import CallbackSupportMixin, fit_task, with_callbacks
from sklearn_heads._sklearn.frames import is_fit_of_tuner, warn_user
from sklearn_heads._sklearn.labels import label_names, sparse_container
from sklearn_heads._sklearn.notebook import Documented
from sklearn_heads._sklearn.parameters import Parameters
from sklearn_heads._sklearn.random import random_stream, seed_of
from sklearn_heads._sklearn.rollback import nothing_lost, publish, twin
from sklearn_heads._sklearn.versions import Versioned

# What the columns of X are; and attributes of an earlier fit that a later one may not have.
COLUMNS = ("n_features_in_", "feature_names_in_", "is_categorical_")
FITTED = ("feature_names_in_", "oof_proba_", "oof_loss_")


class MLPBase(Versioned, Documented, Parameters, Fitted, ClassifierMixin, CallbackSupportMixin, BaseEstimator):
    """A neural classifier. The subclass says what its labels are and which head stands on top."""

    _parameter_constraints = {
        "hidden_layer_sizes": [StrOptions({"auto"}), "array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"adam", "sgd", "lbfgs"})],
        "input_encoding": [StrOptions({"piecewise", "standard"}), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "n_members": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "weight_init": [StrOptions({"he_normal", "glorot_uniform"})],
        "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto", "constant", "invscaling", "adaptive"})],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf}), None],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, "array-like", None],
        "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
        "store_oof": ["boolean"],
    }

    def _check_labels(self, y):
        """Labels as an array of the right form, or an error that names the way out."""
        raise NotImplementedError

    def _head_for(self, given):
        """The head for these Data."""
        raise NotImplementedError

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.allow_nan = True
        return tags

    # ---- fit ---------------------------------------------------------------------------------------------------

    @nothing_lost
    @with_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)
        y : array-like of shape (n,), for multi-label (n, L)
            In a label matrix, which may be sparse, NaN is a label that is not known. A label with one value in all rows is
            predicted as it was seen, with a warning.
        sample_weight : array-like of shape (n,), for a label matrix also (n, L), optional
            Not negative. An integer weight counts as so many repeated rows; scaling all weights changes nothing but the
            balance with `alpha`; rows of weight zero are as if absent.
        X_val, y_val : array-likes of shapes (m, d) and (m,) or (m, L), optional
            Rows whose log loss stops training, in place of rows of X. In a Pipeline the steps before have to transform them, too:
            ``sklearn.set_config(enable_metadata_routing=True)``, ``clf.set_fit_request(X_val=True, y_val=True)``, and
            ``make_pipeline(scaler, clf, transform_input=["X_val"]).fit(X, y, X_val=X_val, y_val=y_val)``.
        sample_weight_val : array-like of shape (m,), for a label matrix also (m, L), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For labels, weights or values that cannot be trained on, and for training that diverges. The estimator is then
            what it was before the call.
        """
        self._validate_params()
        goes_on = self.warm_start and hasattr(self, "members_")
        reader = twin(self)  # learns the columns of X, which this estimator shows when it has the networks for them
        given = self._read(reader, X, y, sample_weight, reset=not goes_on)
        head = self._head if goes_on else self._head_for(given)
        head = head.settled(given.y, given.sample_weight, self.class_weight, resumes=goes_on)
        data = given.lessons(head)
        encoded = data.encoded
        class_weights = head.class_weights(self.class_weight, encoded, data.weights)
        targets = head.weigh(encoded, data.weights, class_weights)
        mean_weight = data.mean_weight * targets.mean_weight
        recipe = resolve(self._given(), len(encoded), self.store_oof)
        n_members = recipe.parameters["n_members"]
        if self.store_oof and (n_members == 1 or goes_on):
            raise ValueError(
                "store_oof keeps probabilities by members that did not see the row, but "
                + ("warm_start goes on with members that saw them all: set warm_start=False." if goes_on else
                   f"this fit is a single network (n_members={self.n_members!r}, {len(encoded)} rows): set n_members to 2 or "
                   "more.")
            )
        if goes_on:
            self._check_networks_are_the_same(n_members)
        validation = self._validation(reader, data.X, head, class_weights, X_val, y_val, sample_weight_val)
        ensemble = Ensemble(self, head, recipe, data, targets, validation, self._members_for(head) if goes_on else None)
        settings = recipe.settings(self._l2(mean_weight), self.early_stopping)
        state = partial(self._learned, head, reader, recipe.shown())
        task = fit_task(self, data.X, data.y, data.sample_weight, state, settings, ensemble.n_networks)
        members = ensemble.train(settings, self.n_jobs, task)
        learned = state([member for member in members if member.n_iter_] or members[:1])
        if self.store_oof:
            learned |= self._out_of_fold(learned, ensemble.out_of_fold(members), given, data)
        publish(self, {**learned, "_stream": Stream(len(encoded), mean_weight)}, forget=FITTED)
        if len(head.constant_labels) and not is_fit_of_tuner():
            warn_user(
                f"the label columns {some(head.constant_labels)} have one value in all training rows. There is nothing to learn "
                "about them: each is predicted as it was seen, with the same probability for every row."
            )
        task.end()
        return self

    def _check_sees_portions(self):
        if self.solver == "lbfgs":
            raise AttributeError("partial_fit needs solver='adam' or 'sgd': lbfgs has to see all rows at once.")
        return True

    @available_if(_check_sees_portions)
    @nothing_lost
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """One pass over these rows, going on from the state so far: for data that arrive in portions.

        A stream starts one network; `n_members` and `early_stopping` are not used. After `fit`, each of its members goes on.

        What `fit` would learn of all rows before training, the encoding of X and the class frequencies, is learnt of the first
        1,000 rows (of X of more than 10,000 columns, the first 10 million values), in portions of any size. Until then the
        estimator keeps these rows, and whenever they have doubled the network starts anew and passes over them again.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)
        y : array-like of shape (n,), for multi-label (n, L)
        classes : array-like of shape (K,), optional
            All classes that will ever occur: needed in the first call unless its rows hold every class. Not used for a
            label matrix, whose columns say what there is.
        sample_weight : array-like of shape (n,), for a label matrix also (n, L), optional
            Not negative. A row counts by its weight beside the mean weight of all rows so far, those of `fit` and the class
            weights included.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As `fit`; for labels that are not among the classes; for ``class_weight="balanced"``, since no portion knows the
            frequencies of the others.
        """
        self._validate_params()
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' needs the class frequencies of all rows, and partial_fit sees a portion of them. "
                "Compute weights from rows you have with sklearn.utils.class_weight.compute_class_weight and pass them as a dict "
                "(for a label matrix: as a sequence)."
            )
        goes_on = hasattr(self, "members_")
        reader = twin(self)
        given = self._read(reader, X, y, sample_weight, reset=not goes_on)
        head = self._head if goes_on else None
        if given.y.ndim == 1 and classes is not None:
            classes = check_classes(classes)
            head = head or self._head_for(given._replace(y=self._check_labels(classes)))
            if not np.array_equal(np.unique(classes), head.classes):
                raise ValueError(f"classes differ from those of the first call, {head.classes}: start a new estimator.")
        head = (head or self._head_for(given)).with_every_label()
        data = given.lessons(head)
        encoded = data.encoded
        targets = head.weigh(encoded, data.weights, head.class_weights(self.class_weight, encoded, data.weights))
        portion = Portion(data.X, targets, targets.for_statistics(data.weights), data.mean_weight)
        stream, portions = (self._stream if goes_on else self._new_stream()).joined_by(portion)
        unit = stream.mean_weight or 1.0
        portions = [portion.in_units_of(unit) for portion in portions]
        recipe = resolve(self._given() | {"n_members": len(self.members_) if goes_on else 1}, STREAM)
        if goes_on:
            self._check_networks_are_the_same(len(self.members_))
        if goes_on and stream.fitted_on == self._stream.fitted_on:
            members = self._members_for(head)
        else:
            X, targets, weights = together(portions)
            weights = of_mean_one(weights)[0]
            encoding = InputEncoding(self.input_encoding, recipe.bins[0]).fit(X, weights, in_portions=True)
            members = [new_member(self, head, targets, recipe, 0, encoding, random_stream(stream.seed))]
            relevance = Relevance.of(encoding, X, head, targets, weights)
            if relevance is not None:
                members[0].learn_at(relevance.factors(encoding, np.arange(X.shape[0])))
        settings = recipe.settings(self._l2(unit), self.early_stopping)
        for nth, portion in enumerate(portions, 1):
            quiet = settings if nth == len(portions) else settings._replace(verbose=False)
            for m, member in enumerate(members):
                name = f"network {m + 1}   " if len(members) > 1 else ""
                member.train_once(quiet, examples(member, head, portion.X, portion.targets), name)
        publish(self, {**self._learned(head, reader, recipe.shown(), members), "_stream": stream}, forget=FITTED)
        return self

    # ---- pieces of fit ---------------------------------------------------------------------------------------------

    def _given(self):
        """The constructor parameters that a recipe reads and settles."""
        given = {name: getattr(self, name) for name in (*Settings._fields, "n_members") if name != "l2"}
        return given | {"hidden_layer_sizes": self._hidden_units()}

    def _hidden_units(self):
        if isinstance(self.hidden_layer_sizes, str):
            return self.hidden_layer_sizes
        units = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)).tolist()
        for width in units:
            if not isinstance(width, Integral) or width < 1:
                raise ValueError(f"hidden_layer_sizes must be whole numbers > 0, got {self.hidden_layer_sizes}.")
        return units

    def _l2(self, mean_weight):
        """`alpha` beside losses whose weights were divided by this mean."""
        with np.errstate(over="ignore"):
            l2 = float(np.float64(self.alpha) / mean_weight)
        if l2 > float(np.finfo(np.float32).max):
            raise ValueError(
                f"alpha={self.alpha} beside sample weights of mean {mean_weight:.3g} leaves nothing of the rows: scale the "
                "weights, or lower alpha."
            )
        return l2

    def _read(self, reader, X, y, sample_weight, reset):
        """The arguments of a call as Data; `reader` knows the columns of X, or gets to know them."""
        X_all = read_X(reader, X, reset)
        labels = self._check_labels(y)
        check_consistent_length(X_all, labels)
        return Data(X_all, labels, check_weights(sample_weight, labels.shape), label_names(y), sparse_container(y))

    def _new_stream(self):
        """No portion so far."""
        learns_from_rows = self.input_encoding is not None or self.weight_init == "he_normal"
        return Stream(first=() if learns_from_rows else None, seed=seed_of(self.random_state))

    def _members_for(self, head):
        """Copies of the members of the last fit, to train further; with outputs for labels that were constant then."""
        members = [member.copy() for member in self.members_]
        if head.n_outputs > self._head.n_outputs:
            places, biases = head.places_of(self._head)
            for member in members:
                member.add_outputs(places, biases)
        return members

    def _validation(self, reader, X, head, class_weights, X_val, y_val, sample_weight_val):
        """The user's validation rows as X and targets, or None."""
        if X_val is None and y_val is None and sample_weight_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val go together: give both, or neither.")
        if self.solver == "lbfgs":
            raise ValueError("solver='lbfgs' uses no validation rows: leave X_val out, or use 'adam' or 'sgd'.")
        try:
            data = self._read(reader, X_val, y_val, sample_weight_val, reset=False).lessons(head)
            targets = head.weigh(data.encoded, data.weights, class_weights)
            warn_if_elsewhere(X, data.X)
            return data.X, targets.divided_by(targets.mean_weight or 1.0)
        except ValueError as error:
            raise ValueError(f"in X_val, y_val or sample_weight_val: {error}") from None

    def _network_parameters(self):
        """The parameters that say what a network is, which cannot change once there is one."""
        return {
            "hidden_layer_sizes": self._hidden_units(),
            "activation": self.activation,
            "head": self.head,
            "input_encoding": self.input_encoding,
            "categorical_features": np.asarray(self.categorical_features).tolist(),
            "dtype": np.dtype(self.dtype).name,
        }

    def _check_networks_are_the_same(self, n_members):
        """Training can only go on with what there is."""
        then = {**self._networks_made_with, "n_members": len(self.members_)}
        now = {**self._network_parameters(), "n_members": n_members}
        for name, value in then.items():
            if now[name] != value:
                raise ValueError(
                    f"warm_start and partial_fit go on with the networks of the last fit, for which {name} was {value!r}; these "
                    f"rows and parameters ask for {now[name]!r}. Set {name}={value!r}, or start a new estimator."
                )

    def _learned(self, head, reader, chosen, members):
        """The attributes that predictions come from, and what was chosen for the fit."""
        columns = {name: value for name, value in vars(reader).items() if name in COLUMNS}
        networks = {"members_": members, "_networks_made_with": self._network_parameters()}
        return {**columns, **networks, "_head": head, "recipe_": chosen}

    def _out_of_fold(self, learned, decision, given, data):
        """The attributes of `store_oof`, for all rows of X; a row that taught nothing was seen by no member: the mean of all."""
        head, kept = learned["_head"], data.kept
        decision = decision.astype(data.X.dtype, copy=False)
        loss, proba = head.log_loss(decision, data.encoded, data.weights), head.proba(decision)
        if kept is not None:
            fitted = twin(self)
            vars(fitted).update(learned)
            seen, proba = proba, np.empty((len(kept), *proba.shape[1:]), dtype=proba.dtype)
            proba[kept], proba[~kept] = seen, head.proba(fitted._decide(given.X[~kept]))
        return {"oof_proba_": proba, "oof_loss_": loss}

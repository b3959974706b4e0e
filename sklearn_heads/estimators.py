"""The three public classifiers: signature, documentation, head.

What a classifier is comes from MLPBase; which labels it takes and which head answers them is said here.
"""
from __future__ import annotations

from sklearn.utils._param_validation import Options, StrOptions

from sklearn_heads._mlp.base import MLPBase
from sklearn_heads._mlp.labels import check_class_labels, check_label_matrix, check_several_classes, check_two_classes
from sklearn_heads.heads import MultiSigmoid, OneVsRest, Sigmoid, Softmax


class MLPBinary(MLPBase):
    """Neural classifier for two classes: one sigmoid node and binary cross-entropy.

    One logit z says all that two softmax logits say, since softmax([z0, z1]) depends on z1 - z0 alone; ``head="softmax"`` is
    there for comparison.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or "auto", default="auto"
        Units of each hidden layer; ``()`` is logistic regression. "auto": below 10,000 rows members of (128,) and of (128, 128)
        in turn; below 100,000 (192, 192); else (256, 256). Like every "auto" it depends on the number of rows; `recipe_` has
        what was chosen.
    activation : {"relu", "leaky_relu", "gelu", "silu", "selu", "tanh", "logistic", "identity"}, default="relu"
        Of the hidden layers. A sigmoid inside saturates and learns slowly: its place is the output.
    head : {"sigmoid", "softmax"}, default="sigmoid"
        One logit with binary cross-entropy, or two with cross-entropy.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        "lbfgs" sees all rows at once, works in float64, and suits small data and ``hidden_layer_sizes=()``.
    input_encoding : {"piecewise", "standard"} or None, default="piecewise"
        What happens to X inside. "piecewise": columns are centred, scaled and smoothly bounded, and those of more than a few
        values get piecewise-linear bins beside them; the less a column says about the labels on its own, the more slowly its
        weights learn. "standard": centred and scaled, and the published first layer holds the scaling, so that it applies to X
        as given. None: X as it is. Sparse X is encoded as the same X dense.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are categories. "from_dtype": columns of a DataFrame that hold words or have a category type; of
        arrays none. Or their names, indices, or a mask. None: every column holds numbers.
    n_members : int or "auto", default="auto"
        Networks trained on complementary folds, each stopped by the log loss of the fold it did not see; probabilities are
        averaged. From 500 rows on, two kinds of bins race for the first member, and the others are made like the winner.
        "auto": one network in float64 on full batches, without dropout and validation, below 40 rows; five below 10,000; two
        below 100,000, each with a tenth of the rows for validation; else one; and one for "lbfgs".
    class_weight : dict, "balanced" or None, default=None
        Factor on the weight of each row of a class; "balanced" gives both classes the same total.
    alpha : float, default=0.0
        L2 penalty in the loss, ``alpha / 2 * |W|^2`` divided by the rows of the batch, as in MLPClassifier.
    weight_decay : float or "auto", default="auto"
        Decoupled decay for "adam" and "sgd": each step multiplies weights, not biases, by ``1 - learning_rate * weight_decay``.
        On few rows ("auto" members) it is L2 in the mean loss instead. "auto": 0.1, from 10,000 rows on 0.02.
    dropout : float in [0, 1) or "auto", default="auto"
        Share of hidden units left out at random in each step of "adam" and "sgd"; the others are scaled up. "auto": 0.2, from
        10,000 rows on 0.1.
    label_smoothing : float in [0, 1), default=0.0
        Share of each target's weight that is spread evenly over the outcomes in training.
    weight_init : {"he_normal", "glorot_uniform"}, default="he_normal"
        "he_normal" starts the output biases at the log-odds of the classes; "glorot_uniform" is MLPClassifier's.
    dtype : {"float32", "float64"}, default="float32"
        Working precision of "adam" and "sgd", whatever X is; "lbfgs", and "auto" members on few rows, work in float64.
    batch_size : int or "auto", default="auto"
        Rows of a step. "auto": 64, from 10,000 rows on 256, from 100,000 on 512 (in MLPClassifier ``min(200, n)``).
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        Schedule of "sgd", as in MLPClassifier. "adaptive" is for "adam" too: it validates and keeps a running average of the
        weights; out of patience, it goes back to the best epoch and on at a tenth of the rate, for as long as that helps.
        "auto": that for "adam", else constant.
    learning_rate_init : float or "auto", default="auto"
        Step size of "adam" and "sgd". "auto": 0.003, less where a layer has more than 192 units.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int or "auto", default="auto"
        Most epochs; for "lbfgs" iterations. "auto": 150, from 10,000 rows on 100, from 100,000 on 60.
    shuffle : bool, default=True
        Whether rows are shuffled before each epoch.
    random_state : int, RandomState instance or None, default=None
        Draws weights, folds, shuffles and dropout. An int gives the same bits on the same machine, whatever runs beside.
    tol : float, default=1e-4
        Without validation rows an epoch counts as progress when the training loss falls by more than this; with them any new
        best does. For "lbfgs" the gradient's tolerance.
    verbose : bool or int, default=False
        1 prints a line per network, 2 and more one per epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit.
    momentum : float in [0, 1], default=0.9
        Of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's form.
    early_stopping : bool, default=True
        Whether training stops by the log loss of rows kept aside (the member's fold; for a single network a split) and
        goes back to the best epoch; else it stops by the training loss. Not used by "lbfgs".
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows that a single network keeps aside, stratified.
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment of "adam".
    beta_2 : float in [0, 1), default=0.999
        Decay of its second moment.
    epsilon : float, default=1e-8
        Guards the division of "adam".
    n_iter_no_change : int, None or "auto", default="auto"
        Training stops after one epoch more than this without progress, as in MLPClassifier; None or ``numpy.inf`` never stops
        early. "auto": 10, from 10,000 rows on 3.
    max_fun : int, default=15000
        Most evaluations of "lbfgs".
    n_jobs : int or None, default=None
        Threads: for the members of a fit, for the rows of a large prediction. The bits do not depend on it. None is 1 unless a
        joblib context says otherwise.
    store_oof : bool, default=False
        Whether to keep `oof_proba_`; needs several members.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The class labels, sorted; the second is the positive one.
    members_ : list
        The trained networks, with `coefs_`, `intercepts_`, `loss_curve_`, `validation_loss_curve_`, `best_iter_`, `n_iter_`,
        `loss_` and `t_`; for a single network the estimator has these itself.
    recipe_ : dict
        The parameters of the last fit with each "auto" replaced by what was chosen.
    n_features_in_ : int
        Columns of X in fit.
    feature_names_in_ : ndarray of shape (d,)
        Column names of X in fit, where it had string names.
    is_categorical_ : ndarray of shape (d,) or None
        Which columns of X are categorical; None where none is.
    n_outputs_ : int
        Number of logits.
    n_layers_ : int
        Layers, input and output counted.
    out_activation_ : str
        "logistic" or "softmax".
    n_iter_ : int
        Epochs of the last fit, of the member that took most, and the calls of `partial_fit` since.
    oof_proba_ : ndarray of shape (n, 2)
        With `store_oof`: for each row of X the probability by the member that did not train on it.
    oof_loss_ : float
        With `store_oof`: the log loss of these probabilities, weighted; for multi-label summed over the labels.
    input_encoding_ : InputEncoding
        What happens to X inside; ``input_encoding_.describe()`` says it in words, a column a line.

    See Also
    --------
    MLPMulticlass : exactly one of K classes.
    MLPMultiLabel : any subset of L labels.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn_heads import MLPBinary
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = MLPBinary(random_state=0).fit(X[:400], y[:400])
    >>> clf.score(X[400:], y[400:]) > 0.95
    True
    """

    _parameter_constraints = {**MLPBase._parameter_constraints, "head": [StrOptions({"sigmoid", "softmax"})]}

    def __init__(
        self,
        hidden_layer_sizes="auto",
        activation="relu",
        *,
        head="sigmoid",
        solver="adam",
        input_encoding="piecewise",
        categorical_features="from_dtype",
        n_members="auto",
        class_weight=None,
        alpha=0.0,
        weight_decay="auto",
        dropout="auto",
        label_smoothing=0.0,
        weight_init="he_normal",
        dtype="float32",
        batch_size="auto",
        learning_rate="auto",
        learning_rate_init="auto",
        power_t=0.5,
        max_iter="auto",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=True,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change="auto",
        max_fun=15000,
        n_jobs=None,
        store_oof=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.head = head
        self.solver = solver
        self.input_encoding = input_encoding
        self.categorical_features = categorical_features
        self.n_members = n_members
        self.class_weight = class_weight
        self.alpha = alpha
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.weight_init = weight_init
        self.dtype = dtype
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.store_oof = store_oof

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _check_labels(self, y):
        return check_class_labels(y, type(self).__name__)

    def _head_for(self, given):
        head = (Sigmoid if self.head == "sigmoid" else Softmax).of(given.y)
        check_two_classes(head.classes, type(self).__name__)
        return head


class MLPMulticlass(MLPBase):
    """Neural classifier for exactly one of K classes: softmax and cross-entropy.

    The classes compete: raising one logit lowers the probability of the others, and a constant added to all changes nothing.
    ``head="sigmoid"`` trains K one-vs-rest sigmoids and divides each row of probabilities by its sum.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or "auto", default="auto"
        Units of each hidden layer; ``()`` is logistic regression. "auto": below 10,000 rows members of (128,) and of (128, 128)
        in turn; below 100,000 (192, 192); else (256, 256). Like every "auto" it depends on the number of rows; `recipe_` has
        what was chosen.
    activation : {"relu", "leaky_relu", "gelu", "silu", "selu", "tanh", "logistic", "identity"}, default="relu"
        Of the hidden layers. A sigmoid inside saturates and learns slowly: its place is the output.
    head : {"softmax", "sigmoid"}, default="softmax"
        K competing logits, or K independent ones against the rest.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        "lbfgs" sees all rows at once, works in float64, and suits small data and ``hidden_layer_sizes=()``.
    input_encoding : {"piecewise", "standard"} or None, default="piecewise"
        What happens to X inside. "piecewise": columns are centred, scaled and smoothly bounded, and those of more than a few
        values get piecewise-linear bins beside them; the less a column says about the labels on its own, the more slowly its
        weights learn. "standard": centred and scaled, and the published first layer holds the scaling, so that it applies to X
        as given. None: X as it is. Sparse X is encoded as the same X dense.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are categories. "from_dtype": columns of a DataFrame that hold words or have a category type; of
        arrays none. Or their names, indices, or a mask. None: every column holds numbers.
    n_members : int or "auto", default="auto"
        Networks trained on complementary folds, each stopped by the log loss of the fold it did not see; probabilities are
        averaged. From 500 rows on, two kinds of bins race for the first member, and the others are made like the winner.
        "auto": one network in float64 on full batches, without dropout and validation, below 40 rows; five below 10,000; two
        below 100,000, each with a tenth of the rows for validation; else one; and one for "lbfgs".
    class_weight : dict, "balanced" or None, default=None
        Factor on the weight of each row of a class; "balanced" gives all classes the same total.
    alpha : float, default=0.0
        L2 penalty in the loss, ``alpha / 2 * |W|^2`` divided by the rows of the batch, as in MLPClassifier.
    weight_decay : float or "auto", default="auto"
        Decoupled decay for "adam" and "sgd": each step multiplies weights, not biases, by ``1 - learning_rate * weight_decay``.
        On few rows ("auto" members) it is L2 in the mean loss instead. "auto": 0.1, from 10,000 rows on 0.02.
    dropout : float in [0, 1) or "auto", default="auto"
        Share of hidden units left out at random in each step of "adam" and "sgd"; the others are scaled up. "auto": 0.2, from
        10,000 rows on 0.1.
    label_smoothing : float in [0, 1), default=0.0
        Share of each target's weight that is spread evenly over the outcomes in training.
    weight_init : {"he_normal", "glorot_uniform"}, default="he_normal"
        "he_normal" starts the output biases at the log-odds of the classes; "glorot_uniform" is MLPClassifier's.
    dtype : {"float32", "float64"}, default="float32"
        Working precision of "adam" and "sgd", whatever X is; "lbfgs", and "auto" members on few rows, work in float64.
    batch_size : int or "auto", default="auto"
        Rows of a step. "auto": 64, from 10,000 rows on 256, from 100,000 on 512 (in MLPClassifier ``min(200, n)``).
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        Schedule of "sgd", as in MLPClassifier. "adaptive" is for "adam" too: it validates and keeps a running average of the
        weights; out of patience, it goes back to the best epoch and on at a tenth of the rate, for as long as that helps.
        "auto": that for "adam", else constant.
    learning_rate_init : float or "auto", default="auto"
        Step size of "adam" and "sgd". "auto": 0.003, less where a layer has more than 192 units.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int or "auto", default="auto"
        Most epochs; for "lbfgs" iterations. "auto": 150, from 10,000 rows on 100, from 100,000 on 60.
    shuffle : bool, default=True
        Whether rows are shuffled before each epoch.
    random_state : int, RandomState instance or None, default=None
        Draws weights, folds, shuffles and dropout. An int gives the same bits on the same machine, whatever runs beside.
    tol : float, default=1e-4
        Without validation rows an epoch counts as progress when the training loss falls by more than this; with them any new
        best does. For "lbfgs" the gradient's tolerance.
    verbose : bool or int, default=False
        1 prints a line per network, 2 and more one per epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit.
    momentum : float in [0, 1], default=0.9
        Of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's form.
    early_stopping : bool, default=True
        Whether training stops by the log loss of rows kept aside (the member's fold; for a single network a split) and
        goes back to the best epoch; else it stops by the training loss. Not used by "lbfgs".
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows that a single network keeps aside, stratified.
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment of "adam".
    beta_2 : float in [0, 1), default=0.999
        Decay of its second moment.
    epsilon : float, default=1e-8
        Guards the division of "adam".
    n_iter_no_change : int, None or "auto", default="auto"
        Training stops after one epoch more than this without progress, as in MLPClassifier; None or ``numpy.inf`` never stops
        early. "auto": 10, from 10,000 rows on 3.
    max_fun : int, default=15000
        Most evaluations of "lbfgs".
    n_jobs : int or None, default=None
        Threads: for the members of a fit, for the rows of a large prediction. The bits do not depend on it. None is 1 unless a
        joblib context says otherwise.
    store_oof : bool, default=False
        Whether to keep `oof_proba_`; needs several members.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The class labels, sorted.
    members_ : list
        The trained networks, with `coefs_`, `intercepts_`, `loss_curve_`, `validation_loss_curve_`, `best_iter_`, `n_iter_`,
        `loss_` and `t_`; for a single network the estimator has these itself.
    recipe_ : dict
        The parameters of the last fit with each "auto" replaced by what was chosen.
    n_features_in_ : int
        Columns of X in fit.
    feature_names_in_ : ndarray of shape (d,)
        Column names of X in fit, where it had string names.
    is_categorical_ : ndarray of shape (d,) or None
        Which columns of X are categorical; None where none is.
    n_outputs_ : int
        Number of logits.
    n_layers_ : int
        Layers, input and output counted.
    out_activation_ : str
        "logistic" or "softmax".
    n_iter_ : int
        Epochs of the last fit, of the member that took most, and the calls of `partial_fit` since.
    oof_proba_ : ndarray of shape (n, K)
        With `store_oof`: for each row of X the probability by the member that did not train on it.
    oof_loss_ : float
        With `store_oof`: the log loss of these probabilities, weighted; for multi-label summed over the labels.
    input_encoding_ : InputEncoding
        What happens to X inside; ``input_encoding_.describe()`` says it in words, a column a line.

    See Also
    --------
    MLPBinary : two classes, one node.
    MLPMultiLabel : any subset of L labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_heads import MLPMulticlass
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPMulticlass(random_state=0).fit(X, y)
    >>> clf.predict_proba(X[:1]).shape
    (1, 3)
    """

    _parameter_constraints = {**MLPBase._parameter_constraints, "head": [StrOptions({"sigmoid", "softmax"})]}

    def __init__(
        self,
        hidden_layer_sizes="auto",
        activation="relu",
        *,
        head="softmax",
        solver="adam",
        input_encoding="piecewise",
        categorical_features="from_dtype",
        n_members="auto",
        class_weight=None,
        alpha=0.0,
        weight_decay="auto",
        dropout="auto",
        label_smoothing=0.0,
        weight_init="he_normal",
        dtype="float32",
        batch_size="auto",
        learning_rate="auto",
        learning_rate_init="auto",
        power_t=0.5,
        max_iter="auto",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=True,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change="auto",
        max_fun=15000,
        n_jobs=None,
        store_oof=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.head = head
        self.solver = solver
        self.input_encoding = input_encoding
        self.categorical_features = categorical_features
        self.n_members = n_members
        self.class_weight = class_weight
        self.alpha = alpha
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.weight_init = weight_init
        self.dtype = dtype
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.store_oof = store_oof

    def _check_labels(self, y):
        return check_class_labels(y, type(self).__name__)

    def _head_for(self, given):
        head = (Softmax if self.head == "softmax" else OneVsRest).of(given.y)
        check_several_classes(head.classes, type(self).__name__)
        return head


class MLPMultiLabel(MLPBase):
    """Neural classifier for any subset of L labels: L sigmoids and binary cross-entropies.

    Labels do not compete, so there is no softmax here: each label has a probability of its own, and a row may have several
    labels or none. A vector y of two classes is taken as a single label and treated as MLPBinary treats it.

    In a label matrix NaN is a label that is not known: known entries train, and nothing else does. A label that has one value in
    all training rows is predicted as it was seen: its probability is that value's share by Laplace's rule, (n + 1) / (n + 2), in
    every row; a warning names it, and the other labels are as without it.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or "auto", default="auto"
        Units of each hidden layer; ``()`` is logistic regression. "auto": below 10,000 rows members of (128,) and of (128, 128)
        in turn; below 100,000 (192, 192); else (256, 256). Like every "auto" it depends on the number of rows; `recipe_` has
        what was chosen.
    activation : {"relu", "leaky_relu", "gelu", "silu", "selu", "tanh", "logistic", "identity"}, default="relu"
        Of the hidden layers. A sigmoid inside saturates and learns slowly: its place is the output.
    head : {"sigmoid"}, default="sigmoid"
        Independent sigmoids; asking for "softmax" is an error that says why.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        "lbfgs" sees all rows at once, works in float64, and suits small data and ``hidden_layer_sizes=()``.
    input_encoding : {"piecewise", "standard"} or None, default="piecewise"
        What happens to X inside. "piecewise": columns are centred, scaled and smoothly bounded, and those of more than a few
        values get piecewise-linear bins beside them; the less a column says about the labels on its own, the more slowly its
        weights learn. "standard": centred and scaled, and the published first layer holds the scaling, so that it applies to X
        as given. None: X as it is. Sparse X is encoded as the same X dense.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns whose values are categories. "from_dtype": columns of a DataFrame that hold words or have a category type; of
        arrays none. Or their names, indices, or a mask. None: every column holds numbers.
    n_members : int or "auto", default="auto"
        Networks trained on complementary folds, each stopped by the log loss of the fold it did not see; probabilities are
        averaged. From 500 rows on, two kinds of bins race for the first member, and the others are made like the winner.
        "auto": one network in float64 on full batches, without dropout and validation, below 40 rows; five below 10,000; two
        below 100,000, each with a tenth of the rows for validation; else one; and one for "lbfgs".
    class_weight : "balanced", sequence of L floats, or None, default=None
        "balanced" gives presence and absence of each label the same total; a number a label is the weight of its presence.
    alpha : float, default=0.0
        L2 penalty in the loss, ``alpha / 2 * |W|^2`` divided by the rows of the batch, as in MLPClassifier.
    weight_decay : float or "auto", default="auto"
        Decoupled decay for "adam" and "sgd": each step multiplies weights, not biases, by ``1 - learning_rate * weight_decay``.
        On few rows ("auto" members) it is L2 in the mean loss instead. "auto": 0.1, from 10,000 rows on 0.02.
    dropout : float in [0, 1) or "auto", default="auto"
        Share of hidden units left out at random in each step of "adam" and "sgd"; the others are scaled up. "auto": 0.2, from
        10,000 rows on 0.1.
    label_smoothing : float in [0, 1), default=0.0
        Share of each target's weight that is spread evenly over the outcomes in training.
    weight_init : {"he_normal", "glorot_uniform"}, default="he_normal"
        "he_normal" starts the output biases at the log-odds of the labels; "glorot_uniform" is MLPClassifier's.
    dtype : {"float32", "float64"}, default="float32"
        Working precision of "adam" and "sgd", whatever X is; "lbfgs", and "auto" members on few rows, work in float64.
    batch_size : int or "auto", default="auto"
        Rows of a step. "auto": 64, from 10,000 rows on 256, from 100,000 on 512 (in MLPClassifier ``min(200, n)``).
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        Schedule of "sgd", as in MLPClassifier. "adaptive" is for "adam" too: it validates and keeps a running average of the
        weights; out of patience, it goes back to the best epoch and on at a tenth of the rate, for as long as that helps.
        "auto": that for "adam", else constant.
    learning_rate_init : float or "auto", default="auto"
        Step size of "adam" and "sgd". "auto": 0.003, less where a layer has more than 192 units.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int or "auto", default="auto"
        Most epochs; for "lbfgs" iterations. "auto": 150, from 10,000 rows on 100, from 100,000 on 60.
    shuffle : bool, default=True
        Whether rows are shuffled before each epoch.
    random_state : int, RandomState instance or None, default=None
        Draws weights, folds, shuffles and dropout. An int gives the same bits on the same machine, whatever runs beside.
    tol : float, default=1e-4
        Without validation rows an epoch counts as progress when the training loss falls by more than this; with them any new
        best does. For "lbfgs" the gradient's tolerance.
    verbose : bool or int, default=False
        1 prints a line per network, 2 and more one per epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit.
    momentum : float in [0, 1], default=0.9
        Of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's form.
    early_stopping : bool, default=True
        Whether training stops by the log loss of rows kept aside (the member's fold; for a single network a split) and
        goes back to the best epoch; else it stops by the training loss. Not used by "lbfgs".
    validation_fraction : float in (0, 1), default=0.1
        Share of the rows that a single network keeps aside, at random.
    beta_1 : float in [0, 1), default=0.9
        Decay of the first moment of "adam".
    beta_2 : float in [0, 1), default=0.999
        Decay of its second moment.
    epsilon : float, default=1e-8
        Guards the division of "adam".
    n_iter_no_change : int, None or "auto", default="auto"
        Training stops after one epoch more than this without progress, as in MLPClassifier; None or ``numpy.inf`` never stops
        early. "auto": 10, from 10,000 rows on 3.
    max_fun : int, default=15000
        Most evaluations of "lbfgs".
    n_jobs : int or None, default=None
        Threads: for the members of a fit, for the rows of a large prediction. The bits do not depend on it. None is 1 unless a
        joblib context says otherwise.
    store_oof : bool, default=False
        Whether to keep `oof_proba_`; needs several members.

    Attributes
    ----------
    classes_ : ndarray of shape (L,)
        The column numbers of the labels; for a vector y its two classes.
    members_ : list
        The trained networks, with `coefs_`, `intercepts_`, `loss_curve_`, `validation_loss_curve_`, `best_iter_`, `n_iter_`,
        `loss_` and `t_`; for a single network the estimator has these itself.
    recipe_ : dict
        The parameters of the last fit with each "auto" replaced by what was chosen.
    n_features_in_ : int
        Columns of X in fit.
    feature_names_in_ : ndarray of shape (d,)
        Column names of X in fit, where it had string names.
    is_categorical_ : ndarray of shape (d,) or None
        Which columns of X are categorical; None where none is.
    label_names_ : ndarray of shape (L,)
        Column names of the label matrix of fit, where it was a frame with string names.
    n_outputs_ : int
        Number of logits of a network; a label that was constant in the training rows has none.
    n_layers_ : int
        Layers, input and output counted.
    out_activation_ : str
        "logistic" or "softmax".
    n_iter_ : int
        Epochs of the last fit, of the member that took most, and the calls of `partial_fit` since.
    oof_proba_ : ndarray of shape (n, L)
        With `store_oof`: for each row of X the probability by the member that did not train on it.
    oof_loss_ : float
        With `store_oof`: the log loss of these probabilities, weighted; over known entries, summed over the labels that vary.
    input_encoding_ : InputEncoding
        What happens to X inside; ``input_encoding_.describe()`` says it in words, a column a line.

    See Also
    --------
    MLPBinary : two classes, one node.
    MLPMulticlass : exactly one of K classes.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_heads import MLPMultiLabel
    >>> X, Y = make_multilabel_classification(n_samples=300, n_classes=4, random_state=0)
    >>> clf = MLPMultiLabel(random_state=0).fit(X, Y)
    >>> clf.predict_proba(X[:2]).shape
    (2, 4)
    """

    # "softmax" is let through here, to be answered with the reason below.
    _parameter_constraints = {**MLPBase._parameter_constraints, "head": [StrOptions({"sigmoid"}), Options(str, {"softmax"})]}

    def __init__(
        self,
        hidden_layer_sizes="auto",
        activation="relu",
        *,
        head="sigmoid",
        solver="adam",
        input_encoding="piecewise",
        categorical_features="from_dtype",
        n_members="auto",
        class_weight=None,
        alpha=0.0,
        weight_decay="auto",
        dropout="auto",
        label_smoothing=0.0,
        weight_init="he_normal",
        dtype="float32",
        batch_size="auto",
        learning_rate="auto",
        learning_rate_init="auto",
        power_t=0.5,
        max_iter="auto",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=True,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change="auto",
        max_fun=15000,
        n_jobs=None,
        store_oof=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.head = head
        self.solver = solver
        self.input_encoding = input_encoding
        self.categorical_features = categorical_features
        self.n_members = n_members
        self.class_weight = class_weight
        self.alpha = alpha
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.weight_init = weight_init
        self.dtype = dtype
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.store_oof = store_oof

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    def _check_labels(self, y):
        if self.head == "softmax":
            raise ValueError(
                "head='softmax' is not for multi-label: labels are independent, and a softmax makes them compete for a "
                "total of one. Use head='sigmoid', or MLPMulticlass if each row has exactly one class."
            )
        return check_label_matrix(y, type(self).__name__)

    def _head_for(self, given):
        if given.y.ndim == 1:
            head = Sigmoid.of(given.y)
            check_several_classes(head.classes, type(self).__name__)
            return head
        return MultiSigmoid(given.y.shape[1], given.names, given.container)

    @property
    def label_names_(self):
        """ndarray of shape (L,): column names of the label frame of fit, if it had string names."""
        names = getattr(self._fitted("_head"), "names", None)
        if names is None:
            raise AttributeError("label_names_: the labels of fit had no column names that are strings.")
        return names

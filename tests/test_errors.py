"""Every error of the contract by its words: what was seen, and the way out."""
import numpy as np
import pandas as pd
import pytest
from data import HEADS, SMALL, data
from scipy import sparse
from sklearn.exceptions import NotFittedError

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = data("binary", 60)[0]
TWO, THREE, LABELS = (data(task, 60)[1] for task in ("binary", "multiclass", "multilabel"))
NAMES = np.array(["ant", "bee", "cat"])
ONE_HOT = np.eye(3, dtype=int)[THREE]
NESTED = [["ant", "bee"][: 1 + row % 2] for row in range(60)]
REAL = np.linspace(0, 1, 60)


def only(y, value):
    return np.full(60, value, dtype=np.asarray(y).dtype)


# estimator, labels, words that must all be in the message, in this order
LABEL_ERRORS = {
    "three classes to binary": (MLPBinary, THREE, "MLPBinary got 3 classes, .0, 1, 2.*MLPMulticlass.*y == that_class"),
    "three names to binary": (MLPBinary, NAMES[THREE], "3 classes, .'ant', 'bee', 'cat'.*MLPMulticlass"),
    "label matrix to binary": (MLPBinary, LABELS, r"one class label a row.*\(60, 3\).*MLPMultiLabel"),
    "one class to binary": (MLPBinary, only(TWO, 1), "MLPBinary needs rows of at least two classes; y has 1 class: .1"),
    "one class to multiclass": (MLPMulticlass, only(TWO, 4), "at least two classes; y has 1 class: .4"),
    "one class to multilabel": (MLPMultiLabel, only(TWO, 1), "at least two classes; y has 1 class"),
    "one-hot to multiclass": (MLPMulticlass, ONE_HOT, r"y has shape \(60, 3\).*y.argmax\(axis=1\).*MLPMultiLabel"),
    "one-hot to binary": (MLPBinary, ONE_HOT, r"y.argmax\(axis=1\)"),
    "several outputs to multiclass": (MLPMulticlass, np.stack([THREE, THREE], 1), "Multioutput.*one classifier a column"),
    "class ids to multilabel": (MLPMultiLabel, THREE, "vector of 3 classes, .0, 1, 2.*MLPMulticlass.*OneHotEncoder"),
    "names to multilabel": (MLPMultiLabel, NAMES[THREE], "'ant', 'bee', 'cat'.*MLPMulticlass.*OneHotEncoder"),
    "ids in columns to multilabel": (MLPMultiLabel, THREE[:, None] + [[0, 1]], r"0/1 matrix.*\(60, 2\).*MultiLabelBinarizer"),
    "matrix of names to multilabel": (MLPMultiLabel, NAMES[LABELS], "0/1 matrix of shape.*'ant', 'bee'.*OneHotEncoder"),
    "minus one and one to multilabel": (MLPMultiLabel, 2 * LABELS - 1, r"0/1 matrix.*\[-1, 1\]"),
    "probabilities to multilabel": (MLPMultiLabel, LABELS * 0.5, r"0/1 matrix.*0\.5"),
    "lists of labels to multilabel": (MLPMultiLabel, NESTED, "collection of labels in each row.*MultiLabelBinarizer"),
    "sets of labels to multilabel": (MLPMultiLabel, [set(row) for row in NESTED], "collection of labels.*MultiLabelBinarizer"),
    "tuples of labels to multilabel": (MLPMultiLabel, [tuple(row) for row in NESTED], "MultiLabelBinarizer"),
    "lists of labels to multiclass": (MLPMulticlass, NESTED, "collection of labels.*MultiLabelBinarizer.*MLPMultiLabel"),
    "lists of labels to binary": (MLPBinary, NESTED, "collection of labels"),
    "continuous to binary": (MLPBinary, REAL, "[Uu]nknown label type.*continuous.*KBinsDiscretizer"),
    "continuous to multiclass": (MLPMulticlass, REAL, "continuous.*KBinsDiscretizer"),
    "continuous to multilabel": (MLPMultiLabel, REAL, "continuous.*KBinsDiscretizer"),
    "nan among labels": (MLPBinary, np.where(REAL < 0.1, np.nan, TWO), "y contains NaN.*drop the rows"),
    "infinity among labels": (MLPMulticlass, np.where(REAL < 0.1, np.inf, TWO), "y contains NaN or infinity"),
    "labels all constant": (MLPMultiLabel, LABELS * 0 + [[0, 1, 0]], r"label columns \[0, 1, 2\], .*all.*one value.*nothing"),
    "labels never known": (MLPMultiLabel, np.full((60, 2), np.nan), "there is nothing to learn"),
    "names, one missing": (MLPBinary, np.where(REAL > 0.9, None, NAMES[TWO]), "no label .None.* in 6 of 60 rows.*row 54: drop"),
    "names and numbers": (MLPBinary, np.where(REAL > 0.9, 3, NAMES[TWO].astype(object)), "Labels must be of one type: strings"),
    "a set": (MLPBinary, {0, 1}, "y is a set, which has no order"),
    "no labels": (MLPBinary, None, "requires y to be passed"),
    "too few labels": (MLPBinary, TWO[:-1], "inconsistent numbers of samples"),
    "no columns of labels": (MLPMultiLabel, np.empty((60, 0), dtype=int), "label"),
}


# A portion for partial_fit need not show both values of a label.
LABEL_CASES = [(m, case) for case in LABEL_ERRORS for m in ("fit", "partial_fit") if m == "fit" or "constant" not in case]


@pytest.mark.parametrize(("method", "case"), LABEL_CASES)
def test_labels_that_cannot_be_learned(method, case):
    estimator, y, words = LABEL_ERRORS[case]
    with pytest.raises(ValueError, match=f"(?s){words}"):
        getattr(estimator(**SMALL), method)(X, y)


@pytest.mark.parametrize("y", [LABELS, TWO, THREE, sparse.csr_matrix(LABELS)], ids=["matrix", "two", "three", "sparse"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_softmax_is_refused_for_multilabel_in_any_form(y, method):
    with pytest.raises(ValueError, match=r"head='softmax' is not for multi-label.*compete.*head='sigmoid'.*MLPMulticlass"):
        getattr(MLPMultiLabel(head="softmax"), method)(X, y)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (-np.ones(60), "Negative values.*sample_weight.*60 of 60.*Use 0"),
        (np.where(REAL > 0.5, 1, -1e-9), "Negative values.*30 of 60"),
        (np.zeros(60), "all values of sample_weight are zero: there is no row left"),
        (np.ones(59), r"sample_weight has shape \(59,\).*shape \(60,\)"),
        (np.ones((60, 1)), "(?i)sample_weight|sample weights"),
        (np.full(60, np.nan), "sample_weight contains NaN"),
        (np.where(REAL > 0.5, 1, np.inf), "sample_weight contains infinity"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", HEADS)
def test_weights_that_are_none(name, method, weights, words):
    with pytest.raises(ValueError, match=words):
        getattr(HEADS[name](), method)(X, data(name, 60)[1], sample_weight=weights)


def spoiled(value):
    bad = X.copy()
    bad[3, 2] = value
    return bad


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(("value", "form"), [
    (np.inf, np.asarray), (-np.inf, np.asarray), (np.inf, sparse.csr_matrix), (np.nan, sparse.csr_matrix),
], ids=["inf", "-inf", "inf-csr", "nan-csr"])
def test_infinity_and_nan_among_sparse_entries(name, value, form):
    y, words = data(name, 60)[1], "X contains NaN" if np.isnan(value) else "X contains infinity"
    clf = HEADS[name](**SMALL)
    for call in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=words):
            call(form(spoiled(value)), y)
    clf.fit(X, y)
    for call in (clf.predict, clf.predict_proba, clf.predict_log_proba, clf.decision_function):
        with pytest.raises(ValueError, match=words):
            call(form(spoiled(value)))


def test_words_in_an_array():
    words = np.where(X > 0, "ant", "bee").astype(object)
    fitted = MLPBinary(**SMALL).fit(X, TWO)
    for call in (lambda: MLPBinary().fit(words, TWO), lambda: MLPBinary().partial_fit(words, TWO), lambda: fitted.predict(words)):
        with pytest.raises(ValueError, match=r"string to float.*give a DataFrame.*categorical_features=\[0, 3\]"):
            call()
    with pytest.raises(ValueError, match=r"column 0 holds words \('(ant|bee)'\), and is not among the categorical columns"):
        fitted.predict(pd.DataFrame(words))


DIVERGING = {"solver": "sgd", "learning_rate_init": 1e8, "batch_size": 10, "max_iter": 100, "hidden_layer_sizes": (5, 5)}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize(("encoding", "advice"), [("standard", "Lower learning_rate_init"), (None, "input_encoding='standard'")])
def test_diverging_says_when_and_what_to_do(name, n_members, encoding, advice):
    clf = HEADS[name](n_members=n_members, input_encoding=encoding, n_iter_no_change=None, **DIVERGING)
    with pytest.raises(ValueError, match=rf"training diverged: the loss is \S+ at epoch \d+\. .*{advice}") as raised:
        clf.fit(X * 1e3, data(name, 60)[1])
    assert "now 100000000.0" in str(raised.value)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_weights_that_overflow_are_an_error_not_an_answer(method):
    with pytest.raises(ValueError, match=r"diverged|not finite"):
        getattr(MLPBinary(n_members=1, **{**DIVERGING, "learning_rate_init": 1e38}), method)(X * 1e3, TWO)


def rare():
    y = THREE.copy()
    y[y == 2] = 1
    y[0] = 2
    return y


def test_a_class_of_one_row_cannot_be_split_off():
    with pytest.raises(ValueError, match=r"class.*only 1 row.*Merge or drop.*X_val and y_val.*early_stopping=False"):
        MLPMulticlass(n_members=1, **SMALL).fit(X, rare())
    MLPMulticlass(n_members=1, early_stopping=False, **SMALL).fit(X, rare())
    MLPMulticlass(n_members=1, **SMALL).fit(X, rare(), X_val=X, y_val=rare())


@pytest.mark.parametrize("n_rows", [2, 3, 4])
def test_too_few_rows_to_split(n_rows):
    with pytest.raises(ValueError, match="early_stopping=False"):
        MLPBinary(n_members=1, **SMALL).fit(X[:n_rows], np.arange(n_rows) % 2)


# Each parameter with a value that no one knows; strings must be answered with the list of the known ones.
BAD_PARAMETERS = {
    "activation": ("swish", "'silu'"),
    "solver": ("rmsprop", "'lbfgs'"),
    "input_encoding": ("minmax", "'standard'"),
    "categorical_features": ("by name", "'from_dtype'"),
    "n_members": (0, "'auto'"),
    "alpha": (-1.0, r"\[0"),
    "weight_decay": (-1.0, r"\[0"),
    "dropout": (1.0, r"\[0.*1"),
    "label_smoothing": (1.0, r"\[0.*1"),
    "weight_init": ("zeros", "'he_normal'"),
    "dtype": ("float16", "'float32'"),
    "batch_size": ("all", "'auto'"),
    "learning_rate": ("cosine", "'invscaling'"),
    "learning_rate_init": (0.0, r"\(0"),
    "power_t": (-0.5, r"\[0"),
    "max_iter": (0, r"\[1"),
    "shuffle": ("yes", "bool"),
    "random_state": ("seed", "int|random"),
    "tol": (-1.0, r"\[0"),
    "warm_start": ("yes", "bool"),
    "momentum": (1.5, r"\[0.*1"),
    "nesterovs_momentum": ("yes", "bool"),
    "early_stopping": ("loss", "bool"),
    "validation_fraction": (1.0, r"\(0.*1"),
    "beta_1": (1.0, r"\[0.*1"),
    "beta_2": (-0.1, r"\[0.*1"),
    "epsilon": (0.0, r"\(0"),
    "n_iter_no_change": (0, r"\[1"),
    "max_fun": (0, r"\[1"),
    "class_weight": ("even", "'balanced'"),
    "n_jobs": ("all", "int"),
    "store_oof": ("yes", "bool"),
    "verbose": ("loud", "int|bool"),
    "hidden_layer_sizes": ("wide", "array-like"),
}


@pytest.mark.parametrize("parameter", BAD_PARAMETERS)
@pytest.mark.parametrize("name", HEADS)
def test_unknown_values_of_parameters(name, parameter):
    value, words = BAD_PARAMETERS[parameter]
    clf = HEADS[name](**{parameter: value})
    for call in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=f"'{parameter}' parameter of {type(clf).__name__} must be.*{words}.*Got {value!r}"):
            call(X, data(name, 60)[1])


def test_every_parameter_has_a_bad_value_here():
    for estimator in (MLPBinary, MLPMulticlass, MLPMultiLabel):
        assert set(estimator().get_params()) == {*BAD_PARAMETERS, "head"}


@pytest.mark.parametrize(("estimator", "y"), [(MLPBinary, TWO), (MLPMulticlass, THREE)])
def test_unknown_heads(estimator, y):
    with pytest.raises(ValueError, match=r"'head' parameter.*('sigmoid', 'softmax'|'softmax', 'sigmoid').*Got 'hinge'"):
        estimator(head="hinge").fit(X, y)


@pytest.mark.parametrize("dtype", ["int32", np.float16, np.int64, object, np.complex128])
def test_only_two_precisions(dtype):
    # With labels that cannot be learned either: parameters are checked first, and no network of that type is ever built.
    with pytest.raises(ValueError, match=r"dtype.*float32.*float64|dtype.*float64.*float32"):
        MLPBinary(dtype=dtype, **SMALL).fit(X, only(TWO, 1))


@pytest.mark.parametrize("sizes", [(5, 0), (-1,), (2.5,), ("a",), 0, (3, None)], ids=str)
def test_widths_must_be_whole_and_positive(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        MLPBinary(hidden_layer_sizes=sizes).fit(X, TWO)


@pytest.mark.parametrize(
    ("estimator", "y", "wish", "words"),
    [
        (MLPBinary, TWO, {5: 1.0}, r"class_weight names \[5\], but the classes are \[0, 1\]"),
        (MLPMulticlass, NAMES[THREE], {"dog": 2.0}, r"names \['dog'\], but the classes are \['ant', 'bee', 'cat'\]"),
        (MLPMulticlass, THREE, {0: -1.0}, "finite, not negative"),
        (MLPMulticlass, THREE, {0: 0.0, 1: 0, 2: 0}, "not all zero"),
        (MLPMulticlass, THREE, [1.0, 2.0, 3.0], "'balanced' or a dict"),
        (MLPMultiLabel, LABELS, [1.0, 2.0], "3 labels.*weight of presence of each label"),
        (MLPMultiLabel, LABELS, {0: 1.0}, "'balanced' or a sequence"),
        (MLPMultiLabel, LABELS, [1.0, -2.0, 1.0], "finite, not negative"),
    ],
)
def test_class_weights_that_fit_no_class(estimator, y, wish, words):
    with pytest.raises(ValueError, match=words):
        estimator(class_weight=wish).fit(X, y)


@pytest.mark.parametrize("name", HEADS)
def test_what_an_unfitted_estimator_says(name):
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(HEADS[name](), method)(X)
    for attribute in ("classes_", "coefs_", "intercepts_", "loss_", "loss_curve_", "n_iter_", "best_iter_", "t_", "n_outputs_"):
        with pytest.raises(AttributeError, match="call fit first"):
            getattr(HEADS[name](), attribute)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"X_val": X}, "y_val go together"),
        ({"y_val": TWO}, "y_val go together"),
        ({"sample_weight_val": np.ones(60)}, "y_val go together"),
        ({"X_val": X[:, :3], "y_val": TWO}, "X has 3 features, but MLPBinary is expecting 5"),
        ({"X_val": X, "y_val": TWO + 1}, r"not among the classes \[0, 1\]: \[2\]"),
        ({"X_val": spoiled(np.inf), "y_val": TWO}, "infinity"),
        ({"X_val": X, "y_val": TWO, "sample_weight_val": -np.ones(60)}, "Negative values"),
        ({"X_val": X, "y_val": TWO[:-1]}, "inconsistent numbers"),
    ],
)
def test_validation_rows_are_checked_as_well(given, words):
    with pytest.raises(ValueError, match=f"X_val.*{words}"):
        MLPBinary(**SMALL).fit(X, TWO, **given)


@pytest.mark.parametrize(("first", "later"), [(TWO, LABELS), (TWO, LABELS[:, :2]), (LABELS, TWO), (LABELS, LABELS[:, :2])])
def test_labels_keep_their_form(first, later):
    clf = MLPMultiLabel(**SMALL, n_members=1)
    with pytest.raises(ValueError, match=r"shape"):
        clf.fit(X, first, X_val=X, y_val=later)
    clf.partial_fit(X, first)
    with pytest.raises(ValueError, match=r"shape"):
        clf.partial_fit(X, later)


def test_solvers_say_what_they_cannot():
    with pytest.raises(ValueError, match="lbfgs' uses no validation rows: leave X_val out"):
        MLPBinary(solver="lbfgs").fit(X, TWO, X_val=X, y_val=TWO)


def test_what_belongs_to_one_network_says_where_it_is():
    clf = MLPBinary(n_members=2, **SMALL).fit(X, TWO)
    for attribute in ("coefs_", "intercepts_", "loss_", "loss_curve_", "validation_loss_curve_", "best_iter_", "t_"):
        with pytest.raises(AttributeError, match=rf"this fit has 2: see members_\[i\].{attribute}"):
            getattr(clf, attribute)
        assert getattr(clf.members_[0], attribute) is not None
    assert clf.n_iter_ == max(member.n_iter_ for member in clf.members_)
    with pytest.raises(AttributeError, match="no validation rows; set early_stopping=True"):
        MLPBinary(n_members=1, early_stopping=False, **SMALL).fit(X, TWO).validation_loss_curve_  # noqa: B018


def test_out_of_fold_probabilities_need_folds():
    with pytest.raises(ValueError, match=r"store_oof.*n_members=1.*2 or more"):
        MLPBinary(n_members=1, store_oof=True, **SMALL).fit(X, TWO)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_predictions_refuse_what_is_not_finite(bad, method):
    X, y = data("binary", 60)
    clf = MLPBinary(**SMALL).fit(X, y)
    X[3, 1] = bad
    with pytest.raises(ValueError, match="infinity"):
        getattr(clf, method)(X)


@pytest.mark.parametrize("cls", [MLPBinary, MLPMulticlass])
def test_a_warm_start_with_a_class_missing_is_refused_and_nothing_is_lost(cls):
    X, y = data("binary" if cls is MLPBinary else "multiclass-softmax", 120)
    clf = cls(**SMALL, warm_start=True, n_members=1).fit(X, y)
    before = clf.predict_proba(X)
    some = y != 1
    with pytest.raises(ValueError, match=r"warm_start can only be used where.*same classes.*start a new estimator"):
        clf.fit(X[some], y[some])
    np.testing.assert_array_equal(clf.predict_proba(X), before)

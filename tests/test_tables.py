"""Tables as people have them: words, gaps, types of every library; what a category is, as laws."""
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder

from sklearn_heads import MLPBinary, MLPMulticlass
from sklearn_heads._mlp.categories import RARE_ROWS
from sklearn_heads._mlp.encoding import BOUND, COMMON, InputEncoding
from sklearn_heads._mlp.tables import Table, columns_of, read_table

NUMBERS, WORDS = ["size", "spend", "flag"], ["city", "kind"]


def table(n=400, seed=0):
    """Two columns of words, with gaps, and many cities that few rows have; three of numbers."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, 41)
    X = pd.DataFrame({
        "size": rng.normal(3, 2, n),
        "spend": rng.exponential(1, n),
        "flag": rng.integers(0, 2, n),
        "city": rng.choice([f"city {i}" for i in range(40)], n, p=share / share.sum()),
        "kind": rng.choice(["a", "b", "c"], n),
    })
    y = (X["size"] - 3 + 2 * X["city"].isin(["city 0", "city 7"]) + (X["kind"] == "b") + rng.normal(size=n) > 1).to_numpy()
    X.loc[rng.random(n) < 0.1, "kind"] = None
    return X, y.astype(int)


def spread_out(X):
    """One-hot columns behind the numbers, grouped as the estimators group them."""
    words = OneHotEncoder(min_frequency=RARE_ROWS, handle_unknown="infrequent_if_exist", sparse_output=False)
    return make_column_transformer(("passthrough", NUMBERS), (words, WORDS)).fit(X)


SOLVERS = {
    "adam": {"max_iter": 8},
    "adam with L2": {"max_iter": 8, "alpha": 0.1},
    "sgd": {"max_iter": 8, "solver": "sgd", "learning_rate_init": 0.01},
    "lbfgs": {"max_iter": 30, "solver": "lbfgs"},
    "logistic regression": {"max_iter": 1000, "solver": "lbfgs", "hidden_layer_sizes": (), "alpha": 1.0},
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("encoding", ["piecewise", "standard", None])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_category_is_a_one_hot_column(solver, encoding):
    X, y = table()
    X_new = table(200, seed=1)[0]
    X_new.loc[:20, "city"] = "never seen"
    outside = spread_out(X)
    model = MLPBinary(random_state=0, dtype="float64", input_encoding=encoding, **SOLVERS[solver])
    inside, spread = clone(model).fit(X, y), clone(model).fit(outside.transform(X), y)
    for rows in (X, X_new):
        got, expected = inside.decision_function(rows), spread.decision_function(outside.transform(rows))
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def test_the_published_weights_apply_to_one_hot_columns():
    X, y = table()
    model = MLPBinary(hidden_layer_sizes=(), solver="lbfgs", input_encoding="standard", alpha=1.0).fit(X, y)
    by_hand = spread_out(X).transform(X) @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_allclose(by_hand[:, 0], model.decision_function(X), rtol=1e-9, atol=1e-9)


def test_rare_and_unseen_categories_are_one_and_gaps_are_another():
    X, y = table()
    counts = X["city"].value_counts()
    rare = counts.index[counts < RARE_ROWS]
    assert len(rare) > 5
    model = MLPBinary(random_state=0, max_iter=5).fit(X, y)
    row = X.iloc[:1]
    answer = {city: model.decision_function(row.assign(city=city)).item() for city in [*rare, "never seen", counts.index[0]]}
    assert len({answer[city] for city in rare} | {answer["never seen"]}) == 1
    assert answer["never seen"] != answer[counts.index[0]]
    kinds = {kind: model.decision_function(row.assign(kind=kind)).item() for kind in ("a", "b", "c", "new")}
    assert len(set(kinds.values())) == 4, "no rare kinds in training: a new one is none of them"
    assert model.decision_function(row.assign(kind=None)).item() not in kinds.values()


def slowly(encoding, x, gap):
    """A column with gaps in plain NumPy: its value, bins and indicator."""
    z = (x - encoding.mean_[0]) / encoding.scale_[0]
    z = np.where(gap, 0, z)
    ramps = (encoding.ramps_[0] - encoding.mean_[0]) / encoding.scale_[0]
    bins = [np.clip((z - low) / (high - low), 0, 1) - 0.5 for low, high in ramps]
    share = gap.mean() if 1 - COMMON < gap.mean() < COMMON else round(gap.mean())
    indicator = (gap - share) / 0.5
    return np.column_stack([z / np.sqrt(1 + (z / BOUND) ** 2), *bins, indicator / np.sqrt(1 + (indicator / BOUND) ** 2)])


@pytest.mark.parametrize("share", [0.3, 0.01])
def test_a_gap_is_the_mean_and_an_indicator(share):
    from test_inputs import encoded

    rng = np.random.default_rng(0)
    x = rng.exponential(2, 1000)
    gap = rng.random(1000) < share
    x[gap] = np.nan
    there = InputEncoding("piecewise").fit(x[~gap, None])
    encoding = InputEncoding("piecewise").fit(x[:, None])
    assert encoding.mean_ == pytest.approx(there.mean_)
    np.testing.assert_array_equal(encoding.ramps_[0], there.ramps_[0])
    np.testing.assert_allclose(encoded(encoding, x[:, None]), slowly(encoding, x, gap), rtol=1e-12, atol=1e-12)
    first_seen = encoded(there, x[:, None])[gap]
    np.testing.assert_allclose(first_seen, np.tile(encoded(there, there.mean_[None]), (gap.sum(), 1)), rtol=1e-12)


@given(st.integers(0, 2**31), st.sampled_from(["piecewise", "standard", None]))
def test_statistics_of_gaps_follow_weights_as_repeated_rows(seed, kind):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((60, 4)) < 0.3, np.nan, np.round(rng.normal(size=(60, 4)), 1))
    weights = rng.integers(1, 4, 60)
    weighted, repeated = InputEncoding(kind).fit(X, weights / weights.mean()), InputEncoding(kind).fit(X.repeat(weights, axis=0))
    for name in ("mean_", "scale_", "fill_", "indicator_mean_", "indicator_scale_"):
        expected = getattr(repeated, name)
        if expected is not None:
            np.testing.assert_allclose(getattr(weighted, name), expected, rtol=1e-9, atol=1e-12)
    assert len(weighted.ramps_) == len(repeated.ramps_)
    for ours, theirs in zip(weighted.ramps_, repeated.ramps_):
        np.testing.assert_array_equal(ours, theirs)


def in_polars(X):
    return pl.DataFrame({name: X[name].astype(object).where(X[name].notna(), None).tolist() for name in X})


def with_pyarrow():
    return pytest.importorskip("pyarrow", reason="needs the extra `ecosystem`")


FRAMES = {
    "category": lambda X: X.astype({"city": "category", "kind": "category"}),
    "unused categories": lambda X: X.astype({"city": pd.CategoricalDtype([*sorted(X["city"].unique()), *map(str, range(500))])}),
    "nullable": lambda X: X.convert_dtypes(),
    "pyarrow": lambda X: with_pyarrow() and X.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda X: X.astype({"city": object, "kind": object}),
    "objects with pd.NA": lambda X: X.assign(kind=X["kind"].astype(object).where(X["kind"].notna(), pd.NA)),
    "booleans": lambda X: X.astype({"flag": bool}),
    "polars": lambda X: in_polars(X),
    "polars categories": lambda X: in_polars(X).with_columns(pl.col(WORDS).cast(pl.Categorical)),
}


@pytest.mark.parametrize("to", FRAMES)
def test_frames_of_every_type_are_one_table(to):
    X, y = table()
    expected = MLPBinary(random_state=0, max_iter=3).fit(X, y)
    frame = FRAMES[to](X)
    model = MLPBinary(random_state=0, max_iter=3).fit(frame, y)
    np.testing.assert_array_equal(model.decision_function(frame), expected.decision_function(X))
    np.testing.assert_array_equal(model.decision_function(X), expected.decision_function(X))
    assert list(model.feature_names_in_) == list(X)
    np.testing.assert_array_equal(model.is_categorical_, [False] * 3 + [True] * 2)


@pytest.mark.parametrize("features", [[3, 4], [False] * 3 + [True] * 2, np.array([3, 4])])
def test_arrays_with_categorical_columns(features):
    X, y = table()
    expected = MLPBinary(random_state=0, max_iter=3).fit(X, y).decision_function(X)
    model = MLPBinary(random_state=0, max_iter=3, categorical_features=features)
    np.testing.assert_array_equal(model.fit(X.to_numpy(), y).decision_function(X.to_numpy()), expected)
    np.testing.assert_array_equal(model.fit(X.to_numpy().tolist(), y).decision_function(X.to_numpy().tolist()), expected)
    numbers = X.assign(city=X["city"].str[5:].astype(float), kind=X["kind"].map({"a": 1, "b": 2, "c": 3})).to_numpy(dtype=float)
    assert np.isnan(numbers[:, 4]).any()
    np.testing.assert_allclose(model.fit(numbers, y).predict_proba(numbers)[:, 1].mean(), y.mean(), atol=0.1)
    by_name = MLPBinary(random_state=0, max_iter=3, categorical_features=["city", "kind"])
    np.testing.assert_array_equal(by_name.fit(X, y).decision_function(X), expected)


GAPS = {
    "Float64": lambda x, gap: pd.array(np.where(gap, None, x), dtype="Float64"),
    "pyarrow": lambda x, gap: with_pyarrow() and pd.array(np.where(gap, None, x), dtype="double[pyarrow]"),
    "None": lambda x, gap: np.where(gap, None, x.astype(object)),
    "NA": lambda x, gap: np.where(gap, pd.NA, x.astype(object)),
    "NaT": lambda x, gap: np.where(gap, pd.NaT, x.astype(object)),
}


def numbers_with_gaps():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    return x, rng.random(200) < 0.2, (x > 0).astype(int)


@pytest.mark.parametrize("kind", GAPS)
def test_gaps_of_every_kind_in_numbers(kind):
    x, gap, y = numbers_with_gaps()
    X, X_nan = (pd.DataFrame({"x": column, "other": x**2}) for column in (GAPS[kind](x, gap), np.where(gap, np.nan, x)))
    decision, expected = (MLPBinary(random_state=0, max_iter=3).fit(Z, y).decision_function(Z) for Z in (X, X_nan))
    np.testing.assert_array_equal(decision, expected)


def test_gaps_of_arrays_and_polars_are_those_of_pandas():
    x, gap, y = numbers_with_gaps()
    X = pd.DataFrame({"x": np.where(gap, np.nan, x), "other": x**2})
    expected = MLPBinary(random_state=0, max_iter=3).fit(X, y).decision_function(X)
    X = pl.DataFrame({"x": [None if g else v for g, v in zip(gap, x)], "other": x**2})
    np.testing.assert_array_equal(MLPBinary(random_state=0, max_iter=3).fit(X, y).decision_function(X), expected)
    X = np.column_stack([np.where(gap, np.nan, x), x**2])
    np.testing.assert_array_equal(MLPBinary(random_state=0, max_iter=3).fit(X, y).decision_function(X), expected)
    with pytest.raises(ValueError, match="infinity"):
        MLPBinary().fit(np.where(gap[:, None], np.inf, X), y)


def test_a_column_without_values_and_one_of_one_category_are_left_out():
    X, y = table()
    useless = X.assign(nothing=np.nan, none=None, same="word", alone=[f"id {i}" for i in range(len(X))])
    expected = MLPBinary(random_state=0, max_iter=3).fit(X, y)
    model = MLPBinary(random_state=0, max_iter=3).fit(useless, y)
    np.testing.assert_array_equal(model.decision_function(useless), expected.decision_function(X))
    words = dict(line.split(": ", 1) for line in model.input_encoding_.describe(useless.columns))
    assert all("left out" in words[name] for name in ("nothing", "none", "same", "alone")), words
    assert "rare ones as one" in words["city"]
    assert "gaps" in words["kind"]
    only = useless[["same", "nothing"]]
    assert MLPBinary(random_state=0, max_iter=3).fit(only, y).predict(only).shape == y.shape
    assert MLPBinary(random_state=0, max_iter=3).fit(X[["city"]], y).score(X[["city"]], y) > 0.5


WRONG = {
    "lists": ({"x": [[1], [2]] * 20}, "column 'x' holds lists"),
    "words and numbers": ({"x": [1, "two"] * 20}, "column 'x' holds words and numbers.*to_numeric"),
    "dates": ({"x": pd.to_datetime(["2020-01-01", "2021-01-01"] * 20)}, "column 'x' holds dates.*skrub"),
    "dates in objects": ({"x": np.array([pd.Timestamp("2020-01-01"), None] * 20, dtype=object)}, "column 'x' holds dates.*skrub"),
    "durations": ({"x": pd.to_timedelta([1, 2] * 20)}, "column 'x' holds dates or durations"),
    "bytes": ({"x": [b"a", b"b"] * 20}, "column 'x'.*bytes"),
    "infinity": ({"x": [1.0, np.inf] * 20, "w": ["a", "b"] * 20}, "infinity.*column 'x'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_columns_that_cannot_be_read_are_named(what):
    columns, message = WRONG[what]
    with pytest.raises(ValueError, match=message):
        MLPBinary().fit(pd.DataFrame(columns), [0, 1] * 20)


@pytest.mark.parametrize(("features", "message"), [
    ([7], r"indices \[7\].*columns 0 to 4"),
    ([-1], r"indices \[-1\]"),
    (["town"], r"names \['town'\].*'city'"),
    ([True, False], "mask of 2 columns, and X has 5"),
    ([1.5], "names, indices or a mask"),
    (None, "column 'city' holds words.*categorical_features"),
])
def test_wrong_categorical_features(features, message):
    X, y = table()
    with pytest.raises(ValueError, match=message):
        MLPBinary(categorical_features=features).fit(X, y)


@pytest.mark.parametrize("columns", [[*NUMBERS, *WORDS], NUMBERS])
def test_columns_of_one_name(columns):
    X, y = table()
    with pytest.raises(ValueError, match="several columns of the name 'size': rename"):
        MLPBinary().fit(X[columns].rename(columns={"flag": "size"}), y)


def test_columns_are_read_as_in_fit_whatever_their_type_now():
    X, y = table()
    model = MLPBinary(random_state=0, max_iter=3).fit(X, y)
    gaps = X.assign(kind=np.nan, city=X["city"].astype("category"), size=X["size"].astype(object))
    expected = model.decision_function(X.assign(kind=None))
    np.testing.assert_array_equal(model.decision_function(gaps), expected)
    with pytest.raises(ValueError, match="column 'size' holds words"):
        model.predict(X.assign(size="big"))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[X.columns[::-1]])


def test_rows_of_weight_zero_bring_no_category():
    X, y = table()
    weights = np.ones(len(X))
    weights[:200] = 0
    expected = MLPBinary(random_state=0, max_iter=3).fit(X[200:], y[200:])
    model = MLPBinary(random_state=0, max_iter=3).fit(X, y, weights)
    np.testing.assert_array_equal(model.decision_function(X), expected.decision_function(X))


def test_streams_know_the_categories_of_their_first_rows():
    X, y = table(1200)
    whole = MLPBinary(random_state=0).partial_fit(X[:1000], y[:1000], classes=[0, 1])
    model = MLPBinary(random_state=0)
    for rows in np.split(np.arange(1000), 10):
        model.partial_fit(X.iloc[rows], y[rows], classes=[0, 1])
    assert model.input_encoding_.lookups_ == whole.input_encoding_.lookups_
    new = X.assign(city="never seen")
    before = model.decision_function(new)
    model.partial_fit(new[1000:], y[1000:])
    assert np.abs(model.decision_function(new) - before).max() > 0, "they have a look-up, which learns"
    np.testing.assert_array_equal(model.decision_function(new), model.decision_function(X.assign(city="nor this")))


def test_validation_warm_start_pickles_and_threads():
    X, y = table()
    X_val, y_val = table(150, seed=2)
    model = MLPBinary(random_state=0, max_iter=4, n_members=3, store_oof=True)
    expected = model.fit(X, y, X_val=X_val, y_val=y_val).predict_proba(X_val)
    assert model.oof_proba_.shape == (len(X), 2)
    again = clone(model).set_params(n_jobs=2).fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(again.predict_proba(X_val), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X_val), expected)
    warm = MLPBinary(random_state=0, max_iter=2, warm_start=True, categorical_features=["city", "kind"]).fit(X, y)
    assert np.isfinite(warm.fit(X, y).predict_proba(X_val)).all()


def test_the_row_order_of_a_table_follows_selections():
    X, _ = table(50)
    read = read_table(columns_of(X), np.array([False] * 3 + [True] * 2), 50)
    assert isinstance(read, Table)
    some = read[np.arange(50) % 3 == 0]
    np.testing.assert_array_equal(some.numbers, X[NUMBERS].to_numpy(dtype=float)[::3])
    assert some.shape == (17, 5)
    assert [some.values[0][code] for code in some.codes[:, 0]] == X["city"].tolist()[::3]


def test_many_classes_and_an_unfitted_estimator():
    X, y = table()
    y = np.where(X["kind"].isna(), "gap", X["kind"])
    model = MLPMulticlass(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95, "the labels are a column, gaps included"

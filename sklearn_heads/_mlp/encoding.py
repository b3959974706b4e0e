"""What happens to X on its way into the network: checked and fitted here, applied a batch at a time in the core.

"piecewise" turns each column into values a network learns from easily:

    two-valued columns      (x - mean) / half range
    others                  (x - mean) / standard deviation, and for columns of enough distinct values also bins: quantile bin b
                            rises from -1/2 to 1/2 while x crosses it and is flat outside, so that a weighted sum of the bins
                            is any piecewise-linear function of the column (Gorishniy et al. 2022)
    pixels, spectra         (x - mean) / root mean square of all standard deviations: see `share_a_scale`
    constant columns        left out
    finally                 z / sqrt(1 + (z / 3)^2): a far-out value, seen first at prediction, cannot exceed 3

A column that has one value, of two, or zero, of more, in all but a few rows keeps that value at zero: little is left to centre,
and what a row does not have costs it nothing. "standard" is centring and scaling alone.

A gap (NaN) counts as the mean of its column, z = 0. Where training rows have gaps, a two-valued column, the gap indicator, says
where. A category is what a two-valued column of its own would be, without the column: see `categories.py`. Sparse X is encoded as
the same X dense.
"""
from __future__ import annotations

from copy import copy

import numpy as np
from scipy import sparse

from sklearn_heads._core.rows import RowEncoding, Rows
from sklearn_heads._mlp.bins import Bins
from sklearn_heads._mlp.categories import codes_of, look_ups
from sklearn_heads._mlp.statistics import statistics_of
from sklearn_heads._mlp.tables import Table

BOUND = 3.0
FEW_BINS = Bins("quantiles", least=3, most=3, together=512)
# Columns of sparse X; with more, "standard" scales and does not centre: weights of what is centred take a step in every batch.
MOST_CENTRED = 2**17
# Share of the rows with zero, or with one of two values, beyond which a column is not centred. (A share of 0.95 counts as less,
# however it is rounded.)
COMMON = 0.95 + 1e-9
# Columns that share a scale are at least so many.
LEAST_SHARING = 32


class InputEncoding:
    """The encoding of X, fitted. The encoded row: columns, their bins, gap indicators, look-ups.

    Parameters
    ----------
    kind : "piecewise", "standard" or None
    bins : Bins or None
        Of "piecewise", by quantiles; None for none, until `with_bins` says otherwise.

    Attributes
    ----------
    numeric_ : ndarray (d_num,) of int
        The columns of X that are numbers. The others are categorical.
    columns_ : ndarray (c,) of int32
        Which of the numeric columns are used.
    mean_, scale_ : ndarrays (c,) of float64, or None
        z = (x - mean_) / scale_.
    two_valued_ : ndarray (c,) of bool
    has_common_scale_ : bool
        Whether the columns that are neither two-valued nor categorical have one `scale_`.
    ramps_ : list of m ndarrays (b, 2) of float64
        The bins, rising and in units of x, that the first m of `columns_` have; the others have none. A bin's feature rises
        from -1/2 to 1/2 while x goes from its first number to its second. Columns of most bins come first.
    gaps_ : ndarray (g,) of int32
        The numeric columns with a gap indicator.
    fill_ : ndarray (c,) of float64, or None
        For kind None, what a gap counts as; otherwise it is z = 0.
    lookups_ : list of Lookups, one for each categorical column
    indicator_mean_, indicator_scale_ : ndarrays (g + number of look-ups,) of float64
        z = (x - mean) / scale for x = 1 where the gap or the category is present, and x = 0 elsewhere; bounded as the rest.
    """

    def __init__(self, kind, bins=FEW_BINS):
        self.kind, self.bins = kind, bins
        self.mean_ = self.scale_ = self.fill_ = None
        self._checked = {}  # of the precisions asked for: to cast and check per row would cost more than the network

    def __getstate__(self):
        return {**vars(self), "_checked": {}}

    def __repr__(self):
        return f"InputEncoding({self.kind!r})"

    def fit(self, X, weights=None, in_portions=False):
        """Take weighted statistics of X, a block of rows at a time.

        in_portions: X is only the first of the rows, so a column that is constant here may vary later, and stays.
        """
        self.n_features_ = X.shape[1]
        self.numeric_, self.lookups_, shares = np.arange(X.shape[1]), [], np.empty(0)
        if isinstance(X, Table):
            self.lookups_, shares = look_ups(X, weights, in_portions)
            self.numeric_, X = np.flatnonzero(~X.is_categorical), X.numbers
        d = X.shape[1]
        self.columns_, self.two_valued_ = np.arange(d, dtype=np.int32), np.zeros(d, dtype=bool)
        self.constant_, self.ramps_, self.has_common_scale_ = self.two_valued_, [], False
        found = statistics_of(X, weights)
        self.gaps_ = np.flatnonzero((found.gaps > 0) & (found.low <= found.high)).astype(np.int32)
        shares = np.concatenate([found.gaps[self.gaps_], shares])
        if self.kind is None:
            self.fill_ = np.nan_to_num(found.mean)
            self.indicator_mean_, self.indicator_scale_ = np.zeros(len(shares)), np.ones(len(shares))
            return self
        hopeless = np.flatnonzero((found.low == found.low) & ~np.isfinite([found.mean, found.spread]).all(axis=0))
        if len(hopeless):
            raise ValueError(f"columns {hopeless.tolist()} of X hold values too large to scale: rescale them first.")
        self.mean_ = np.nan_to_num(found.mean)
        self.scale_ = np.maximum(np.nan_to_num(found.spread, nan=1.0), np.finfo(X.dtype).tiny)  # whose reciprocal X's type holds
        self.indicator_mean_ = shares
        self.indicator_scale_ = np.sqrt(shares * (1 - shares))
        self.indicator_scale_[self.indicator_scale_ == 0] = 1
        if sparse.issparse(X) and d > MOST_CENTRED:
            self.mean_ = np.zeros(d)
        if self.kind == "piecewise":
            self.indicator_mean_, self.indicator_scale_ = resting(shares, shares), np.full(len(shares), 0.5)
            self._fit_piecewise(X, weights, in_portions, found)
        return self

    def _fit_piecewise(self, X, weights, in_portions, found):
        low, high = found.low, found.high
        used = (low < high) | in_portions
        if not (used.any() or len(self.indicator_mean_)):  # nothing to learn from, but a network needs an input
            used[:1] = True
        self.columns_ = np.flatnonzero(used).astype(np.int32)
        low, high, varies = low[used].astype(np.float64), high[used].astype(np.float64), (low < high)[used]
        self.constant_, self.two_valued_ = ~varies, found.two_valued[used] & varies
        spread, more_valued = self.scale_[used], found.two_valued[used] < varies
        self.has_common_scale_ = share_a_scale(low[more_valued], high[more_valued], found.zeros[used][more_valued])
        if self.has_common_scale_:
            largest = spread[more_valued].max()  # squares of what is tiny or huge would leave the range of float
            spread[~self.two_valued_] = largest * np.sqrt(((spread[more_valued] / largest) ** 2).mean())
        half_range = np.where(self.two_valued_, np.maximum((high - low) / 2, np.finfo(X.dtype).tiny), 1)
        mean = self.mean_[used]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            rest = resting((mean - low) / (high - low), mean, low, high)
        self.mean_ = np.where(self.two_valued_, rest, np.where((found.zeros[used] > COMMON) & varies, 0.0, mean))
        self.scale_ = np.where(self.two_valued_, half_range, spread)

        if self.bins is not None:
            self._set_ramps(self.bins, X, weights=weights)

    @property
    def takes_bins(self):
        """Whether there is a column that may have bins."""
        return self.kind == "piecewise" and len(self._numbers) > 0

    @property
    def _numbers(self):
        """Positions, among the columns that are used, of those that may have bins."""
        return np.flatnonzero(~self.two_valued_ & ~self.constant_)

    def with_bins(self, bins, X, rows=None, weights=None, strata=None):
        """This encoding with other bins, their edges taken from these rows of X (and their strata): means and spreads stay."""
        if not self.takes_bins:
            return self
        other = copy(self)
        other.bins, other._checked = bins, {}
        other._set_ramps(bins, X.numbers if isinstance(X, Table) else X, rows, weights, strata)
        return other

    def _set_ramps(self, bins, X, *of_rows, **others):
        """Bins for the columns that may have some; those of most bins come first, so that the core finds them side by side."""
        numbers, kept = self._numbers, {}
        ramps = bins.ramps(X, self.columns_[numbers], self.scale_[numbers], *of_rows, **others)
        for position, of_column in zip(numbers, ramps):
            # Told apart once they are scaled, by slopes that float32 holds: beside 1e30, numbers around 1 are one number.
            z = (of_column - self.mean_[position]) / self.scale_[position]
            widths, least = np.diff(z, axis=1), np.finfo(np.float32).tiny
            if len(widths) and ((least < widths) & (widths < 1 / least)).all():
                kept[position] = of_column
        binned = sorted(kept, key=lambda position: (-len(kept[position]), position))
        order = np.array(binned + [p for p in range(len(self.columns_)) if p not in kept], dtype=np.intp)
        self.columns_, self.two_valued_, self.constant_ = self.columns_[order], self.two_valued_[order], self.constant_[order]
        self.mean_, self.scale_ = self.mean_[order], self.scale_[order]
        self.ramps_ = [kept[position] for position in binned]

    @property
    def n_dense(self):
        """Number of encoded values that a dense row spreads out: columns, bins and gap indicators."""
        return len(self.columns_) + sum(map(len, self.ramps_)) + len(self.gaps_)

    @property
    def width(self):
        """Number of inputs of the network: encoded values of a row, and look-ups."""
        return self.n_dense + len(self.indicator_mean_) - len(self.gaps_)

    @property
    def draws(self):
        """The inputs, in pieces, in the order in which their initial weights are drawn: that of one-hot columns behind the
        numeric ones, so that spreading the categories outside changes nothing."""
        c, last = len(self.columns_), self.n_dense - len(self.gaps_)
        return [slice(0, c), slice(last, self.width), slice(c, last)]

    def per_input(self, of_columns, of_indicators):
        """One value for each input of the network, from one for each column of numbers and each gap indicator and look-up."""
        of_columns = of_columns[self.columns_]
        of_bins = of_columns[: len(self.ramps_)]
        if self.ramps_:
            there = self.bin_lines()[2]
            of_bins = np.broadcast_to(of_bins, there.shape)[there]
        return np.concatenate([of_columns, of_bins, of_indicators])

    def rows(self, X, dtype, **targets):
        """X as the core reads it, with this encoding and these targets."""
        codes = None
        if isinstance(X, Table):
            X, codes = X.numbers, codes_of(X, self.lookups_)
        key = X.dtype, np.dtype(dtype), sparse.issparse(X)
        checked = self._checked.get(key)
        if checked is None:
            arrays = self.arrays_for(np.result_type(X.dtype, dtype), dtype, key[2])
            checked = self._checked[key] = RowEncoding(len(self.numeric_), X.dtype, dtype, is_sparse=key[2], **arrays)
        return Rows(X, checked, codes=codes, **targets)

    def arrays_for(self, wide, dtype, is_sparse=False):
        """The fitted state in the precisions that the core wants: scaling in the wider one, the rest in the network's."""
        arrays = {}
        if self.kind is None:
            arrays["fill"] = self.fill_.astype(wide)
        else:
            arrays.update(mean=self.mean_.astype(wide), factor=(1 / self.scale_).astype(wide))
        if not np.array_equal(self.columns_, np.arange(len(self.numeric_))):
            arrays["columns"] = self.columns_
        if self.kind == "piecewise":
            arrays["bound"] = BOUND
            if self.ramps_:
                low, slope, there = self.bin_lines()
                arrays["binned"] = there.sum(axis=1, dtype=np.int32)
                arrays.update(low=low[there].astype(dtype), slope=slope[there].astype(dtype))
        absent, present = self.indicators()
        g = len(self.gaps_)
        if g:
            arrays.update(gaps=self.gaps_, gap_values=np.stack([absent[:g], present[:g]]).astype(dtype))
        if len(self.lookups_) or is_sparse:
            base = absent[g:] if not is_sparse else np.concatenate([self.zero(), absent])
            arrays["base"] = base.astype(dtype)
        if len(self.lookups_):
            arrays["values"] = (present - absent)[g:].astype(dtype)
        if is_sparse:
            arrays["place"] = np.full(len(self.numeric_), -1, dtype=np.int32)
            arrays["place"][self.columns_] = np.arange(len(self.columns_))
        return arrays

    def bin_lines(self):
        """Of the bins, in units of z: where they begin, their slopes, and where there are any, ndarrays (most bins, m)."""
        counts = np.array([len(ramps) for ramps in self.ramps_])
        low, high = np.zeros((counts[0], len(counts))), np.ones((counts[0], len(counts)))
        for column, ramps in enumerate(self.ramps_):
            low[: len(ramps), column], high[: len(ramps), column] = ((ramps - self.mean_[column]) / self.scale_[column]).T
        return low, 1 / (high - low), np.arange(counts[0])[:, None] < counts

    def indicators(self):
        """What gap indicators and look-ups encode to where they are absent, and where they are present."""
        return [self.bounded((x - self.indicator_mean_) / self.indicator_scale_) for x in (0.0, 1.0)]

    def zero(self):
        """What a zero encodes to in each column, then in each bin."""
        if self.kind is None:
            return np.zeros(len(self.columns_))
        z = -self.mean_ / self.scale_
        if not self.ramps_:
            return self.bounded(z)
        low, slope, there = self.bin_lines()
        bins = np.clip((z[: len(self.ramps_)] - low) * slope, 0, 1) - 0.5
        return np.concatenate([self.bounded(z), bins[there]])

    def bounded(self, z):
        return z / np.sqrt(1 + (z / BOUND) ** 2) if self.kind == "piecewise" else z

    def fold(self, coefs, intercepts):
        """Weights for X as the user has it, where there are such: centring and scaling folded into the first layer.

        ((x - mean) / scale) W + b  =  x (W / scale) + (b - (mean / scale) W)
        """
        if self.kind != "standard":
            return coefs, intercepts
        mean, scale = np.append(self.mean_, self.indicator_mean_), np.append(self.scale_, self.indicator_scale_)
        first, bias = coefs[0].astype(np.float64), intercepts[0].astype(np.float64)
        folded = first / scale[:, None]
        return (
            [_read_only(folded.astype(coefs[0].dtype)), *coefs[1:]],
            [_read_only((bias - mean @ folded).astype(coefs[0].dtype)), *intercepts[1:]],
        )

    def unfold(self, coefs, intercepts):
        """Weights for the encoded values: the inverse of `fold`."""
        if self.kind != "standard":
            return coefs, intercepts
        mean, scale = np.append(self.mean_, self.indicator_mean_), np.append(self.scale_, self.indicator_scale_)
        first = coefs[0].astype(np.float64)
        return [first * scale[:, None], *coefs[1:]], [intercepts[0] + mean @ first, *intercepts[1:]]

    def describe(self, feature_names=None):
        """What happened to each column, in words.

        Parameters
        ----------
        feature_names : sequence of d str, optional

        Returns
        -------
        list of d str
        """
        names = [f"column {j}" for j in range(self.n_features_)] if feature_names is None else feature_names
        words = dict.fromkeys(self.numeric_.tolist(), "constant: left out" if self.kind else "as it is")
        for position, j in enumerate(self.numeric_[self.columns_] if self.kind else ()):
            mean, scale = self.mean_[position], self.scale_[position]
            spread = "the common spread" if self.has_common_scale_ else "its spread"
            unit = "half its range" if self.two_valued_[position] else spread
            words[j] = f"minus {mean:.4g}, divided by {unit} {scale:.4g}"
            if position < len(self.ramps_):
                ramps = self.ramps_[position]
                adjoin = self.bins.by != "steps"
                at = [*ramps[:, 0], ramps[-1, 1]] if adjoin else ramps.mean(axis=1)
                words[j] += f", and {len(ramps)} {'bins between' if adjoin else 'steps at'} " + ", ".join(f"{x:.4g}" for x in at)
        for j in self.numeric_[self.gaps_]:
            words[j] += ", and an indicator of gaps"
        categorical = np.setdiff1d(np.arange(self.n_features_), self.numeric_)
        words.update((j, lookups.describe()) for j, lookups in zip(categorical.tolist(), self.lookups_))
        return [f"{names[j]}: {words[j]}" for j in range(self.n_features_)]


def resting(share, mean, low=0.0, high=1.0):
    """What two-valued columns have subtracted: their mean, or where few rows have the one value, the other."""
    return np.where(share < 1 - COMMON, low, np.where(share > COMMON, high, mean))


def share_a_scale(low, high, zeros):
    """Whether these columns seem to be measured in one unit, as pixels and spectra are: at least 32 of them, most with at least
    a quarter of the range of the widest, and most not mostly zero, as counts of words are.

    There a spread is information. A pixel at the border varies by noise alone, and divided by its own small spread, the noise
    would be as loud as the pixels that matter.
    """
    if len(low) < LEAST_SHARING:
        return False
    with np.errstate(over="ignore"):
        ranges = high - low
    return bool(np.median(ranges) >= ranges.max() / 4 and np.median(zeros) <= COMMON)


def _read_only(array):
    """An array computed for the caller: what is written into it would be lost, so it cannot be."""
    array.flags.writeable = False
    return array

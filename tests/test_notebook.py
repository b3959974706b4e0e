"""What a notebook shows: every parameter with our documentation, and no link to a site that is not there."""
import html
import inspect
import re

import pytest
import sklearn
from data import data
from sklearn.linear_model import LogisticRegression
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner
from sklearn_heads._sklearn import notebook

ESTIMATORS = [MLPBinary(), MLPMulticlass(), MLPMultiLabel(), ThresholdTuner(LogisticRegression())]
with_tooltips = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"), reason="scikit-learn shows documentation from 1.8 on"
)
TOOLTIP = r'class="param-doc-description"[^>]*>\s*(\w+): (.*?)</span>'


def kind_of(estimator):
    return type(estimator).__name__


@with_tooltips
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=kind_of)
def test_every_parameter_shows_its_documentation(estimator):
    shown = dict(reversed(re.findall(TOOLTIP, estimator_html_repr(estimator), re.S)))  # an inner estimator comes later
    docstring = inspect.getdoc(type(estimator))
    for name in inspect.signature(type(estimator)).parameters:
        kind, _, words = html.unescape(shown[name]).partition("<br><br>")
        assert f"{name} : {kind}\n    {words.split('<br>')[0]}\n" in docstring
        assert words


@with_tooltips
def test_fitted_estimators_show_what_they_learned():
    clf = MLPBinary(hidden_layer_sizes=(7,), n_members=2, max_iter=2, random_state=0)
    page = estimator_html_repr(clf.fit(*data("binary", 120)))
    assert "Networks trained on complementary folds" in page
    if parse_version(sklearn.__version__) >= parse_version("1.9"):  # fitted attributes
        assert "Member(20-7-1, relu)" in page
        assert "InputEncoding(&#x27;piecewise&#x27;)" in page


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=kind_of)
def test_links_stay_on_the_page_until_there_is_a_site(estimator, monkeypatch):
    links = [link for link in re.findall('href="(.*?)"', estimator_html_repr(estimator)) if "scikit-learn.org" not in link]
    assert all(link.startswith(notebook.HERE) for link in links)
    monkeypatch.setattr(type(estimator), "_doc_link_template", "https://host.example/{estimator_name}.html")
    assert f"https://host.example/{kind_of(estimator)}.html" in estimator_html_repr(estimator)

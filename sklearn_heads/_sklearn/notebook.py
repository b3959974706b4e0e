"""What notebooks show: scikit-learn's table of parameters, with the documentation of each under the pointer.

From 1.8 on scikit-learn shows it, but only for a parameter that also links to the site of its package.
"""
from __future__ import annotations

# Where the site is published, ending in a slash; "" as long as it is nowhere. Then no estimator links to its page, and the
# links that scikit-learn needs for the parameters stay on the page they are on.
SITE = ""
HERE = "#"


class Documented:
    """An estimator that says where its documentation is."""

    _doc_link_module = "sklearn_heads"
    _doc_link_template = SITE and SITE + "generated/sklearn_heads.{estimator_name}.html"

    def _get_params_html(self, *args, **options):
        return _linked(super()._get_params_html(*args, **options))

    def _get_fitted_attr_html(self, *args, **options):
        return _linked(super()._get_fitted_attr_html(*args, **options))


def _linked(table):
    table.doc_link = getattr(table, "doc_link", "") or HERE
    return table

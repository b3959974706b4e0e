"""The version, recorded with that of scikit-learn in every saved estimator and compared when it is loaded.

scikit-learn's BaseEstimator does this for its own modules only.
"""
from __future__ import annotations

import warnings

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

__version__ = "0.1.0"
VERSIONS = {"sklearn_heads": __version__, "scikit-learn": sklearn.__version__}


class Versioned:
    """An estimator whose state names the versions it was saved with; loading it with others warns.

    Warns
    -----
    InconsistentVersionWarning
        One for each library whose version differs.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_versions": VERSIONS}

    def __setstate__(self, state):
        state = dict(state)
        then = state.pop("_versions", {})
        for library, now in VERSIONS.items():
            if then.get(library) != now:
                warnings.warn(
                    InconsistentVersionWarning(
                        estimator_name=f"{type(self).__name__} ({library})",
                        current_sklearn_version=now,
                        original_sklearn_version=then.get(library, "unknown"),
                    ),
                    stacklevel=2,
                )
        super().__setstate__(state)

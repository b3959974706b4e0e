"""Settings of the whole suite.

Hypothesis draws the same examples in every run, so that a red test is red for everybody; to hunt for new ones:
``pytest --hypothesis-profile=search``.
"""
from hypothesis import settings

settings.register_profile("suite", max_examples=60, deadline=None, derandomize=True, database=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile("suite")

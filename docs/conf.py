"""The documentation site: pages in Markdown, the API from docstrings, the gallery from examples/. Built without network."""
import os
import warnings

import sklearn_heads

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

project = "sklearn_heads"
author = "the sklearn_heads developers"
copyright = author
version = release = sklearn_heads.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
root_doc = "index"
myst_heading_anchors = 3

# The class template lists the methods; numpydoc would list those that scikit-learn adds for metadata routing, too.
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": "quickstart",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_heads",),
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "abort_on_example_error": True,
    "matplotlib_animations": False,
}
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_heads"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "sklearn_heads"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "heads": [], "defaults": [], "migrating": [], "architecture": [], "changelog": []}

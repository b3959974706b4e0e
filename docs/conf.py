"""The documentation site: pages in Markdown, the API from docstrings, the gallery from examples/. Built without network."""
import sys
from pathlib import Path

import sphinx_gallery.gen_rst
from numpydoc.docscrape_sphinx import SphinxDocString

import sklearn_heads

sys.path.insert(0, str(Path(__file__).parent))  # for gallery_order and thumbnails
from thumbnails import scale_image

sphinx_gallery.gen_rst.scale_image = scale_image  # its own shrinks a figure of five panels until nothing can be read

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
smartquotes = False  # "relu" is to be copied
toc_object_entries_show_parents = "hide"
add_function_parentheses = False

# The class template lists the methods; numpydoc would list those that scikit-learn adds for metadata routing, too.
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it in words
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# Fitted attributes are properties: numpydoc would show the property's text in place of the one written for this class.
SphinxDocString._process_param = lambda self, name, text, fake_autosummary: (f"**{self._escape_args_and_kwargs(name)}**", text)

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": "quickstart",
    "within_subsection_order": "gallery_order.GalleryOrder",
    "thumbnail_size": (560, 320),
    "image_srcset": ["2x"],
    "write_computation_times": False,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_heads",),
    "capture_repr": (),
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "abort_on_example_error": True,
    "matplotlib_animations": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_heads"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "sklearn_heads"},
    "navbar_align": "left",
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
NO_SIDEBAR = [path.stem for path in Path(__file__).parent.glob("*.md")]
html_sidebars = {page: [] for page in NO_SIDEBAR}


def setup(app):
    """The pages are doctests as they stand, so each example ends in an empty line; readers need not see it."""
    app.connect("source-read", lambda app, page, source: source.__setitem__(0, source[0].replace("\n\n```\n", "\n```\n")))

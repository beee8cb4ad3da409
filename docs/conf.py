"""How Sphinx builds the site: `sphinx-build -W docs docs/_build`."""

import sys
from pathlib import Path

import brianff

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "brianff"
author = "the brianff authors"
copyright = "the brianff authors"
release = version = brianff.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "mathematics",
    "pages",
]
exclude_patterns = ["_build", ".jupyter_cache", "jupyter_execute", "_extensions", "_templates", "results/benchmarks"]
suppress_warnings = ["toc.empty_glob"]  # the gallery that a script makes may not be made yet
templates_path = ["_templates"]

html_theme = "furo"
html_title = "brianff"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"  # the loop of a memristor
html_css_files = ["brianff.css"]
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Notebooks are text files; each is run when the site is built, in a directory that is thrown away.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "remove"  # progress bars
nb_merge_streams = True

autosummary_generate = True
autodoc_typehints = "none"  # docstrings tell types, in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

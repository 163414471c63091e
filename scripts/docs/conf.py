"""Sphinx: MyST and furo, formulas by the KaTeX that the derivations bring along; nothing is loaded from elsewhere."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # notebooks type `gradcert`
os.environ["TTY_INTERACTIVE"] = "0"  # and show no bars that move; a kernel sets TERM itself

project = "gradcert"
author = "the gradcert authors"
copyright = "the gradcert authors; Apache-2.0"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "scripts.docs.formulas", "scripts.docs.keywords"]
exclude_patterns: list[str] = []
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

# notebooks run when their text changes; one that raises breaks the build
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "docs" / "notebooks")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300

autodoc_mock_imports = ["jax"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "imported-members": True}
napoleon_google_docstring = False
napoleon_use_param = False  # several names of one line stay together

html_theme = "furo"
html_title = "gradcert"
html_math_renderer = "bundled"
html_static_path = [str(ROOT / "derivations" / "reading" / "assets"), "static"]
html_extra_path = [str(ROOT / "build" / "docs" / "extra")]
html_css_files = ["katex.min.css", "chapter.css", "site.css"]
SCRIPTS = (
    "katex.min.js",
    "engine.js",
    "sums.js",
    "draws.js",
    "means.js",
    "letters.js",
    "chapter.js",
    "copy.js",
    "site.js",
)
html_js_files = [(name, {"defer": "defer"}) for name in SCRIPTS]
html_show_sphinx = False
html_copy_source = False
html_theme_options: dict[str, list[str]] = {"footer_icons": [], "top_of_page_buttons": []}

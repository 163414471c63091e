"""A library that is not installed is one sentence, with the command that installs it."""

import importlib
import sys

import pytest

SAYS = {
    "torch": r"^PyTorch is not installed; to fix it: pip install 'gradcert\[torch\]'$",
    "jax": r"^JAX is not installed; to fix it: pip install 'gradcert\[jax\]'$",
    "nir": r"^nir is not installed; to fix it: pip install 'gradcert\[nir\]'$",
}


@pytest.mark.parametrize("library", sorted(SAYS))
def test_one_sentence(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"gradcert.adapters.{library}", raising=False)
    with pytest.raises(ModuleNotFoundError, match=SAYS[library]) as caught:
        importlib.import_module(f"gradcert.adapters.{library}")
    assert caught.value.name == library

"""A library that is not installed is one sentence, with the command that installs it."""

import importlib
import sys

import pytest

SAYS = {
    "gradcert.adapters.torch": r"^PyTorch is not installed; to fix it: pip install .*\[torch\]['\"]?.*$",
    "gradcert.adapters.lightning": r"^Lightning is not installed; to fix it: pip install .*\[lightning\]['\"]?.*$",
    "gradcert.adapters.jax": r"^JAX is not installed; to fix it: pip install .*\[jax\]['\"]?.*$",
    "gradcert.models.nir.graph": r"^nir is not installed; to fix it: pip install .*\[nir\]['\"]?.*$",
}


@pytest.mark.parametrize("module", sorted(SAYS))
def test_one_sentence(module, monkeypatch):
    library = "nir" if "nir" in module else module.rpartition(".")[2]
    for loaded in (library, *(name for name in sys.modules if name.startswith(f"{library}."))):
        monkeypatch.setitem(sys.modules, loaded, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ModuleNotFoundError, match=SAYS[module]) as caught:
        importlib.import_module(module)
    assert caught.value.name == library

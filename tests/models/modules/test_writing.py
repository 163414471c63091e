"""Files from a reading are read back as what was read: cells, claims, graphs of NIR."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
import strange  # noqa: E402
from click.testing import CliRunner  # noqa: E402

from gradcert import cli  # noqa: E402
from gradcert.certify.claims import Claim, from_dict, read_claim  # noqa: E402
from gradcert.certify.subjects.modules import keep  # noqa: E402
from gradcert.models.equations import files  # noqa: E402
from gradcert.models.modules import ModuleSubject, known, writing  # noqa: E402
from gradcert.reference.engines import record  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402
from gradcert.reference.networks import Lif, cell_named  # noqa: E402
from gradcert.reference.numbers import Surrogate  # noqa: E402


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)


def same(one, other):
    """Two cells with the same equations, labels, constants and pseudo-derivative."""
    a, b = one(), other()
    return (
        a.recipe.equations == b.recipe.equations
        and a.links == b.links
        and a.uses == b.uses
        and a.constants() == b.constants()
        and (a.surrogate, a.strict) == (b.surrogate, b.strict)
    )


def test_cells_and_claims_are_read_back():
    told = ModuleSubject(strange.Lif).told
    keep(told.cells)
    first = cell_named(told.spec["layers"][0]["cell"])
    Path("sub").mkdir()
    Path("sub/cells.toml").write_text(files.written(told.records))
    Path("sub/cells.py").write_text(writing.python(told.records, "Cells."))
    assert same(first, cell_named("sub/cells.toml:layer0"))
    assert same(first, cell_named("sub/cells.py:layer0", run=True))
    (path,) = told.cells
    Path("sub/claim.toml").write_text(writing.claim(told.spec, {path: "cells.toml"}))
    found, claimed = read_claim(Path("sub/claim.toml")), from_dict(told.spec)
    layer = {**claimed.layers[0], "cell": "sub/cells.toml:layer0"}
    assert found == replace(claimed, layers=(layer, *claimed.layers[1:]), depths=(1, 2))
    assert isinstance(found, Claim)


@pytest.mark.long
def test_a_graph_is_a_claim_in_a_file():
    sys.path.insert(0, str(Path(__file__).parents[1] / "reading"))
    import strangers

    told = ModuleSubject(strangers.Populations()).told
    keep(told.cells)
    Path("claim.toml").write_text(writing.claim(told.spec, {}))
    assert read_claim(Path("claim.toml")) == from_dict(told.spec)


@pytest.mark.long
def test_nir_is_the_same_network():
    pytest.importorskip("nir")
    from gradcert.models.nir import read

    module = strange.Hard()
    reading = ModuleSubject(module).read((3, 4, 2))[0].reading
    made = writing.nir(reading.unchecked(), dict(module.named_parameters()))
    found = read(made.graph, options={"surrogate": Surrogate("fast_sigmoid", slope=10.0)})
    hidden = found.network.layers[0].cell
    assert (hidden.reset, hidden.leak, hidden.threshold, hidden.strict) == ("hard", 0.9, 0.5, True)
    x = np.random.default_rng(0).normal(size=(9, 2, 3))
    mine = record(found.network, found.parameters, x).outputs
    state, outputs = (torch.zeros(2, 4).double(), torch.zeros(2, 4).double(), torch.zeros(2, 2).double()), []
    module.double()
    for x_t in torch.tensor(x):
        y, state = module(x_t, state)
        outputs.append(y.detach().numpy())
    assert mine.any()
    np.testing.assert_allclose(mine, np.stack(outputs), rtol=0, atol=1e-13)  # nine steps of sums of 4 below 10
    with pytest.raises(GradcertError, match="reset='subtract_after_leak' in NIR"):
        soft = ModuleSubject(strange.Lif)
        writing.nir(soft.read((3, 4, 2))[0].written, dict(strange.Lif(3, 4, 2).named_parameters()))


@pytest.mark.parametrize("reset", ["hard", "hard_with_input", "none", "subtract_before_leak", "subtract_after_leak"])
@pytest.mark.parametrize("gain", ["one", "one_minus_leak"])
def test_a_lif_is_known_by_what_it_computes(reset, gain):
    kept = {
        "hard": "leak*(v_prev*(1 - z_prev) + 0.25*z_prev) + I",
        "hard_with_input": "(1 - z_prev)*(leak*v_prev + I) + 0.25*z_prev",
        "none": "leak*v_prev + I",
        "subtract_before_leak": "leak*(v_prev - threshold*z_prev) + I",
        "subtract_after_leak": "leak*v_prev - threshold*z_prev + I",
    }[reset]
    v = kept.replace("I", "a" if gain == "one" else "(1 - leak)*a").replace("leak", "0.75")
    table = {
        "equations": {"a": "w @ x + h @ z_prev + c", "v": v, "z": "spike(v - threshold)"},
        "edges": {"v -> v": "state"} | ({} if reset == "none" else {"z -> v": "reset"}),
        "constants": {"threshold": 0.5},
        "parameters": ["c"],
    }
    cell, names = known.known(files.from_record("mine", table)())
    assert names == {"W": "w", "H": "h", "b": "c"}
    value = 0.25 if "hard" in reset else 0.0
    assert cell == Lif(
        leak=0.75, threshold=0.5, reset=reset, reset_value=value, gain=gain, recurrent=True, surrogate=cell.surrogate
    )
    table["equations"]["v"] = f"{v} + 0.125*v_prev*z_prev"
    assert known.known(files.from_record("mine", table | {"edges": {"v -> v": "state", "z -> v": "reset"}})()) is None


@pytest.mark.long
def test_the_command_writes_them():
    model = f"{Path(strange.__file__)}:Hard"
    words = ["read", model, "--state", "(2,4),(2,4),(2,2)", "--write-cells", "c.toml", "--write-claim", "claim.toml"]
    done = CliRunner().invoke(cli.gradcert, [*words, "--write-nir", "net.nir"], prog_name="gradcert")
    assert done.exit_code == 0, done.output
    claim = read_claim(Path("claim.toml"))
    assert claim.layers[0]["cell"] == "c.toml:layer0"
    assert not claim.sizes
    assert Path("net.nir").is_file()
    done = CliRunner().invoke(cli.gradcert, ["read", model, "--write-cells", "c.txt"], prog_name="gradcert")
    assert "a file .toml or .py" in done.output


def test_cells_as_data_are_never_run(tmp_path):
    Path("c.toml").write_text("[Bad]\n[Bad.equations]\nz = \"__import__('os').abort()\"\n")
    with pytest.raises(GradcertError, match="the equation of z"):
        cell_named("c.toml:Bad")
    for text, sentence in (
        ("x = 1", "has no cell 'Leaky'; allowed: x"),
        ("[Leaky]\nfoo = 1", "the cell Leaky with foo"),
        ('[Leaky]\nequations = "z"', "the cell Leaky; allowed: tables of cells"),
        ("[Leaky]\nparameters = 3\n", "parameters=3 of the cell Leaky"),
        ("[Leaky", "is not TOML as it should be"),
    ):
        Path("d.toml").write_text(text)
        with pytest.raises(GradcertError, match=sentence):
            cell_named("d.toml:Leaky")
    with pytest.raises(GradcertError, match=r"there is no file e\.toml"):
        cell_named("e.toml:Leaky")

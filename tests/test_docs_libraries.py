"""What pages say of libraries: each rule has a word, names are in the releases that are named, losses are equal."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gradcert.reference import RULES
from gradcert.reference.networks import Loss
from gradcert.reference.numbers import FLOAT64
from gradcert.reference.published import KINDS
from scripts.docs import libraries, reference, rules

ROOT = Path(__file__).parents[1]
PEERS = {"torch": ("SpikingJelly", "snnTorch", "Norse", "PyTorch"), "jax": ("BrainTrace", "JAX"), "nest": ("NEST",)}
CALLS = [call for calls in libraries.CALLS.values() if not isinstance(calls, str) for call in calls]
RESOLVE = """
import importlib, sys
for name in sys.argv[1:]:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
            break
        except ImportError:
            continue
    for part in parts[cut:]:
        found = getattr(found, part)
"""


def test_every_page_of_a_rule_says_how_libraries_call_it(tmp_path):
    rules.rules(tmp_path, [])
    assert set(libraries.CALLS) == {*RULES, *KINDS} == {p.stem for p in tmp_path.glob("*.md")} - {"index"}
    for name, calls in libraries.CALLS.items():
        text = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
        section = re.search(r"(?s)## In libraries\n(.*?)(\n## |$)", text)[1]
        assert calls in section if isinstance(calls, str) else all(call.call in section for call in calls), name


def test_repositories_and_releases_are_those_that_were_read():
    sources = " ".join((ROOT / "docs" / "mathematics" / "16-sources.md").read_text(encoding="utf-8").split())
    assert [call.where for call in CALLS if "/" in call.where and f"{call.where} " not in sources] == []
    matrix = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8").lower().replace("nest-simulator", "nest")
    releases = {call.where for call in CALLS if re.search(r" \d", call.where)}
    assert {release for release in releases if f"| {release.lower()} |" not in matrix} == {libraries.SLAX}


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("environment", PEERS)
def test_names_are_those_of_the_libraries(environment):
    python = ROOT / f".venv-peers-{environment}" / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"make peers PEERS={environment}")
    calls = [call.call for call in CALLS if call.where.split()[0] in PEERS[environment]]
    if environment == "nest":
        names = re.findall(r"`(eprop_\w+)`", " ".join(f"{c.call} {c.says}" for c in CALLS if c.where == libraries.NEST))
        program = f"import nest; assert set({names}) <= set(nest.node_models + nest.synapse_models)"
    else:
        names, program = [call for call in calls if "`" not in call], RESOLVE
    assert names
    subprocess.run([python, "-c", program, *names], check=True, timeout=200)
    if environment != "nest":
        assert subprocess.run([python, "-c", program, f"{names[0]}x"], capture_output=True, timeout=200).returncode == 1


@pytest.mark.parametrize("loss", libraries.LOSSES, ids=lambda loss: loss.call)
def test_a_loss_of_a_library_is_the_one_beside_it(loss):
    torch = pytest.importorskip("torch")
    package = loss.call.partition(".")[0]
    module = {"torch": "torch", "snntorch": "snntorch.functional"}.get(package, loss.call.rpartition(".")[0])
    pytest.importorskip(module)
    draw = torch.Generator().manual_seed(0)
    steps, samples, units = 5, 3, 4
    o, real = (torch.rand(steps, samples, units, generator=draw, dtype=torch.float64) for _ in range(2))
    y = real if loss.targets == "real" else torch.tensor([0, 3, 1])
    names = {package: __import__(package), "torch": torch, "o": o, "y": y, "T": steps}
    given = real.numpy() if loss.targets == "real" else np.broadcast_to(np.eye(units)[y.numpy()], o.shape)
    given = given * steps if loss.targets.startswith("T for") else given
    value = Loss(**loss.claimed).value(o.numpy(), given, FLOAT64) * eval(loss.times, {"T": steps})
    found = eval(loss.call, names)
    # sums of terms that are none below 0: of 60 entries, with some 40 roundings of theirs; or, where a library adds up
    # the losses of 5 steps in single precision, of those, each rounded once, and a quotient
    roundings = 100 if found.dtype == torch.float64 else 6
    assert float(found) == pytest.approx(float(value), rel=roundings * torch.finfo(found.dtype).eps / 2)


def test_losses_of_libraries_are_on_the_page(tmp_path):
    reference.losses(tmp_path / "losses")
    text = (tmp_path / "losses.md").read_text(encoding="utf-8")
    assert all(f"| `{loss.call}` |" in text for loss in libraries.LOSSES)
    assert "`cross_entropy of max`; batch mean, of the potential `v`" in text

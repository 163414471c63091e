"""The same gradients from BrainTrace and from the reference engine, side by side: difference and time.

Run: ``.venv/bin/python benchmarks/braintrace.py --python .venv-peers-jax/bin/python``. Each side runs in its own
interpreter on the same problem. BrainTrace's driver is compiled as a whole; the time of the first call, which compiles,
is shown beside the fastest of three more. Both engines of the reference are plain NumPy; the fastest of three.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RULES = {"snap": "ostl", "ostl_is_snap_1": "snap-1", "e_prop": "e-prop", "d_rtrl": "e-prop"}  # BrainTrace: our row
SIZES = ((8, 20, 4), (32, 50, 8))  # units, steps, batch

PEER = """
import json, sys, time
sys.path[:0] = sys.argv[1:]  # before the working directory, whose folder gradcert/ is not the whole package
import braintrace_rules, brainstate, braintrace, jax, jax.numpy as jnp, numpy as np
from gradcert.reference.networks import problem_from_json
HOW = {"snap": (braintrace.SnAp, {"n": 2}), "ostl_is_snap_1": (braintrace.OSTLRecurrent, {}),
       "e_prop": (braintrace.EProp, {}), "d_rtrl": (braintrace.D_RTRL, {})}
for line in sys.stdin:
    spec = json.loads(line)
    problem = problem_from_json(json.dumps(spec["problem"]))
    _, gradients, _ = getattr(braintrace_rules, spec["name"])(problem)
    algorithm, options = HOW[spec["name"]]
    xs, ys = jnp.asarray(problem.inputs), jnp.asarray(problem.targets)
    learner = braintrace.compile(braintrace_rules.Stack(problem), algorithm, xs[0], batch_size=xs.shape[1], **options)
    loss = lambda x, y: ((learner(x) - y) ** 2).sum() / 2
    run = brainstate.transform.jit(lambda x, y: learner.etrace_grad(x, y, step_fn=loss, reduction="sum"))
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        jax.block_until_ready(run(xs, ys))
        seconds.append(time.perf_counter() - start)
    found = {k: v.tolist() for k, v in gradients.items()}
    print(json.dumps({"cold": seconds[0], "warm": min(seconds[1:]), "gradients": found}), flush=True)
"""


def problem(units: int, steps: int, batch: int, cell: str):
    """Return one layer of a size."""
    from gradcert.reference import Layer, LeakyRnn, Network, Rnn
    from gradcert.reference.networks import Problem

    made = Rnn() if cell == "rnn" else LeakyRnn(rate=0.25)
    network = Network(layers=(Layer(made, inputs=units // 2, units=units),))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((steps, batch, units // 2)), rng.standard_normal((steps, batch, units))
    return Problem(network, network.parameters(scale=0.8), x, y)


def ours(given, rule: str) -> tuple[float, float, dict[str, np.ndarray]]:
    """Return seconds of the reverse and of the forward engine (the faster of three), and the gradients."""
    from gradcert.reference import RULES as ROWS
    from gradcert.reference.engines import forward, reverse

    arguments = (given.network, given.parameters, given.inputs, given.targets)
    seconds, found = [], {}
    for engine in (reverse, forward):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            found = engine.gradients(*arguments, rule=ROWS[rule])
            times.append(time.perf_counter() - start)
        seconds.append(min(times))
    return seconds[0], seconds[1], found


def main() -> None:
    """Run and print."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=str(HERE.parent / ".venv-peers-jax" / "bin" / "python"))
    python = parser.parse_args().python
    tree = HERE.parent / "build" / "peers"
    tree.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, HERE.parent / "scripts" / "package_tree.py", tree], check=True)
    with subprocess.Popen(
        [python, "-W", "ignore", "-c", PEER, str(tree), str(HERE.parent / "examples")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as peer:
        assert peer.stdin is not None and peer.stdout is not None
        table = Table(title="BrainTrace against the reference engine, one layer, float64", title_justify="left")
        for title in (
            "rule",
            "units, steps, batch",
            "largest difference",
            "BrainTrace ms",
            "first call ms",
            "reverse ms",
            "forward ms",
        ):
            table.add_column(title, justify="left" if title == "rule" else "right")
        for name, row in RULES.items():
            for units, steps, batch in SIZES:
                given = problem(units, steps, batch, "rnn" if row == "snap-1" else "leaky_rnn")
                peer.stdin.write(json.dumps({"problem": given.to_dict(), "name": name}) + "\n")
                peer.stdin.flush()
                said = json.loads(peer.stdout.readline())
                back, ahead, found = ours(given, row)
                away = max(
                    float(np.abs(np.array(said["gradients"][k]) - v).max() / np.abs(v).max()) for k, v in found.items()
                )
                cells = [f"{away:.0e}", *(f"{1e3 * t:.2f}" for t in (said["warm"], said["cold"], back, ahead))]
                table.add_row(f"{name} = {row}", f"{units}, {steps}, {batch}", *cells)
        peer.stdin.close()
    Console(width=130).print(table)


if __name__ == "__main__":
    main()

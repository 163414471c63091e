"""Against torch.autograd.gradcheck: the same networks, the same ten mistakes; writes docs/gradcheck.md.

    python -m benchmarks.gradcheck                 # about six minutes on one core
    python -m benchmarks.gradcheck --times         # the right gradient alone: renews the table of times in the page
    python -m benchmarks.gradcheck --watch         # renews what the page says of gradcert.watch
    python -m benchmarks.gradcheck --print         # to standard output

Every member of the gallery becomes a `torch.autograd.Function`: its forward pass is the network in PyTorch, its
backward pass returns the member's gradients. gradcheck compares these with finite differences of the forward pass;
gradcert compares them with the reference row, within the budget of that very network. A spike has no finite
difference, so gradcheck cannot be right about a pseudo-derivative; the smooth SNU (sSNU) is there to be fair to it.
"""

import argparse
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.autograd.gradcheck import GradcheckError, gradcheck

from benchmarks import in_the_loop
from gradcert.certify.campaign import certify
from gradcert.certify.judging import judge_all
from gradcert.certify.problems import expect
from gradcert.properties.gallery import WRONG
from gradcert.properties.gallery.literal import snu
from gradcert.reference import RULES, Layer
from gradcert.reference.networks import Network, Problem, Snu, Ssnu

MEMBERS = (
    "T01_slope_too_new",
    "T03_lateral_transposed",
    "T05_reset_term_dropped",
    "T06_gate_dropped",
    "T09_lateral_path_dropped",
    "T12_read_before_update",
    "T21_carried_over",
    "T26_batch_summed_early",
    "T62_one_over_batch",
    "T122_float32_inside",
)
KEEPS = ("T21_carried_over",)  # what goes on from the call before
NETWORKS = ((8, 10), (32, 50))
CELLS = {"ssnu": Ssnu(leak=0.25), "snu": Snu(leak=0.25)}  # a sixth of all units fires
BATCH, LATERAL = 2, 0.1  # contractive in absolute values too: there a budget for each entry does not grow with T
HEAD = "| cell | network | gradcheck | gradcheck, fast | gradcert, same network | gradcert, whole certificate |"
WATCH = "## In a training loop: `gradcert.watch`"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "gradcheck.md"


@dataclass(frozen=True)
class Outcome:
    """What one tool said of one member on one network, and how long it took."""

    refuted: bool
    seconds: float
    said: str = ""


def clock():
    """Seconds of the processor, this process and its children: what else the machine does is not counted."""
    return sum(os.times()[:4])


def problem_of(cell, n, steps):
    """One layer of n units, n inputs, `steps` steps, two sequences; weights drawn with a fixed seed."""
    network = Network(layers=(Layer(cell, inputs=n, units=n),))
    rng = np.random.default_rng([n, steps])
    inputs, targets = rng.standard_normal((steps, BATCH, n)), rng.standard_normal((steps, BATCH, n))
    parameters = network.parameters(seed=n)
    parameters["layers.0.H"] = LATERAL * parameters["layers.0.H"]
    return Problem(network, parameters, inputs, targets)


def loss_of(problem, parameters):
    """The network's loss in PyTorch, by hand: 1/2 the squared error, summed."""
    cell = problem.network.layers[0].cell
    x, y = torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets)
    v = z = torch.zeros(x.shape[1], y.shape[2], dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    drive = x @ parameters["layers.0.W"].T + parameters["layers.0.b"]
    for t in range(len(x)):
        a = drive[t] + z @ parameters["layers.0.H"].T + cell.leak * v * (1 - z)
        v = a if cell.transfer == "identity" else {"relu": torch.relu, "tanh": torch.tanh}[cell.transfer](a)
        u = v - cell.threshold
        z = torch.sigmoid(u) if cell.name == "ssnu" else (u >= 0).to(u.dtype)
        total = total + 0.5 * ((z - y[t]) ** 2).sum()
    return total


def function_of(problem, gradients):
    """The loss as a torch function of the parameters whose backward pass is a member of the gallery."""
    names = tuple(problem.parameters)

    class Member(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *values):
            ctx.save_for_backward(*values)
            return loss_of(problem, dict(zip(names, values, strict=True)))

        @staticmethod
        def backward(ctx, credit):
            given = {n: v.detach().numpy() for n, v in zip(names, ctx.saved_tensors, strict=True)}
            fields = (problem.network, given, problem.inputs, problem.targets)
            found = answered(gradients(Problem(*fields)))
            return tuple(credit * torch.from_numpy(np.asarray(found[n], dtype=float)) for n in names)

    return Member.apply, tuple(torch.tensor(v, requires_grad=True) for v in problem.parameters.values())


def answered(result):
    """A subject returns gradients, or a tuple that holds them."""
    return result if isinstance(result, dict) else result[1]


def by_gradcheck(problem, gradients, *, fast):
    """torch.autograd.gradcheck with its own tolerances."""
    function, values = function_of(problem, gradients)
    start = clock()
    try:
        gradcheck(function, values, fast_mode=fast)
    except GradcheckError as error:
        return Outcome(True, clock() - start, str(error).splitlines()[0])
    return Outcome(False, clock() - start)


def by_budget(problem, gradients):
    """The reference row on balls, and the judge."""
    start = clock()
    expected = expect(problem, RULES["ostl"], "float64").gradients
    verdicts = judge_all(answered(gradients(problem)), expected)
    worst = max(verdict.worst for verdict in verdicts.values())
    refuted = not all(verdict.ok for verdict in verdicts.values())
    return Outcome(refuted, clock() - start, f"{worst:.1e}")


def by_certify(cell, gradients):
    """A whole certificate on cases of gradcert's own: the default profile."""
    start = clock()
    found = certify(gradients, rule="ostl", cells=cell, depths=1, options={"recurrent": True})
    return Outcome(found.verdict == "refuted", clock() - start, found.reason)


def right():
    """Yield (name, gradients) of the right one."""
    yield "nothing", snu.gradients


def everything():
    """Yield (name, gradients): the right one first."""
    yield from right()
    for name in MEMBERS:
        yield name, WRONG[name].gradients


def measured(*, alone=False):
    """Run everything, or the right gradient alone.

    Returns (cell, n, steps) -> name -> tool -> outcome, and cell -> name -> outcome.
    """
    same, whole = {}, {}
    subjects = right if alone else everything
    for cell_name, cell in CELLS.items():
        whole[cell_name] = {name: by_certify(cell_name, gradients) for name, gradients in subjects()}
        for n, steps in NETWORKS:
            problem = problem_of(cell, n, steps)
            same[cell_name, n, steps] = {
                name: {
                    "gradcheck": by_gradcheck(problem, gradients, fast=False),
                    "fast": by_gradcheck(problem, gradients, fast=True) if n == NETWORKS[0][0] or sound else None,
                    "gradcert": by_budget(problem, gradients),
                }
                for name, gradients in subjects()
                for sound in [name == "nothing" and cell_name == "ssnu"]  # elsewhere fast is as slow: it fails
            }
    return same, whole


def word(outcome, *, right):
    """The verdict; bold where it is the wrong one, nothing where it was not asked."""
    if outcome is None:
        return ""
    text = "refuted" if outcome.refuted else "accepted"
    return text if outcome.refuted != right else f"**{text}**"


def times(same, whole):
    """The table of times."""
    lines = [HEAD, "|---|---|---|---|---|---|"]
    for (cell, n, steps), found in same.items():
        outcomes = (*found["nothing"].values(), whole[cell]["nothing"])
        numbers = " | ".join(f"{outcome.seconds:.2g}" if outcome else "" for outcome in outcomes)
        lines.append(f"| {cell} | n = {n}, T = {steps} | {numbers} |")
    return lines


def watched():
    """What the page says of gradcert.watch: the times first, of which one is of a process that has judged nothing."""
    n, steps = NETWORKS[-1]
    problems = {(cell, n, steps): problem_of(CELLS[cell], n, steps) for cell in CELLS}
    times = {key: in_the_loop.timed(p, smooth=key[0] == "ssnu") for key, p in problems.items()}
    found = {
        name: {key: in_the_loop.judged(p, gradients, calls=1 + (name in KEEPS)) for key, p in problems.items()}
        for name, gradients in everything()
    }
    return in_the_loop.section(WATCH, times, found, title)


def title(name):
    """What a row of a table is about."""
    return "none, OSTL is right" if name == "nothing" else f"{name.partition('_')[0]}, {WRONG[name].title}"


def rewatched(text, section):
    """The page with another section about gradcert.watch."""
    before, _, rest = text.partition(WATCH)
    after = rest.partition("\n## ")[2]
    return before + "\n".join(section) + "\n\n## " + after


def renewed(text):
    """The page with another table of times."""
    before, _, rest = text.partition(HEAD)
    after = rest.partition("\n\n")[2]
    return before + "\n".join(times(*measured(alone=True))) + "\n\n" + after


def page(loop, same, whole):
    """The page."""
    lines = [
        "# Against `torch.autograd.gradcheck`",
        "",
        f"Generated by `python -m benchmarks.gradcheck`: PyTorch {torch.__version__},",
        f"Python {platform.python_version()}, one thread of {platform.machine()}. One layer, n inputs and n units, a",
        f"batch of {BATCH}, OSTL, which is exact there; gradcheck with its own tolerances, slow (every entry) and fast",
        "(one random projection), gradcert on the same network (the reference and a derived budget of every entry),",
        "and a whole certificate on gradcert's own cases (default profile). A verdict in bold is wrong.",
        "",
        "* gradcheck compares with finite differences of the forward pass. On the smooth sSNU that is the right",
        "  question, and it finds what is larger than its tolerance.",
        "* On spikes it is no question at all: the differences of a step are 0, so it refutes every gradient that uses",
        "  a pseudo-derivative, the right one included. That is how it is built, and no defect of it; it cannot be",
        "  used there, and that is what gradcert is for.",
        "* gradcert's budget of an entry bounds rounding by absolute values, which grow with T where the network is",
        "  not contractive in absolute values: with four times these lateral weights and twice the leak, the budget of",
        "  the spiking network of 50 steps was larger than its gradient, and float32 passed. That is why certificates",
        "  are given on small cases first.",
        "",
        "## Times",
        "",
        "Seconds of the processor, for the right gradient (a gradcheck that fails runs every entry, fast or not).",
        "",
        *times(same, whole),
        "",
        *loop,
    ]
    for cell in CELLS:
        lines += ["", f"## What each found: {cell}", ""]
        networks = [key for key in same if key[0] == cell]
        heads = [f"{tool}, n = {n}" for _, n, _ in networks for tool in ("gradcheck", "fast", "gradcert")]
        lines += [f"| mistake | {' | '.join(heads)} | certificate |", f"|---|{'---|' * (len(heads) + 1)}"]
        for name, _ in everything():
            sound = name == "nothing"
            cells = [word(same[key][name][tool], right=sound) for key in networks for tool in same[key][name]]
            lines.append(f"| {title(name)} | {' | '.join(cells)} | {word(whole[cell][name], right=sound)} |")
        lines += ["", "What the certificates say:", ""]
        lines += [f"* {name.partition('_')[0]}: {o.said}" for name, o in whole[cell].items() if name != "nothing"]
    margins = {key: float(found["nothing"]["gradcert"].said) for key, found in same.items()}
    lines += [
        "",
        "The right gradient uses this part of its budget: "
        + ", ".join(f"{cell} n = {n} {margin:.1e}" for (cell, n, _), margin in margins.items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def main():
    """Run, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--print", dest="shown", action="store_true", help="to standard output")
    parser.add_argument("--times", action="store_true", help="renew the table of times")
    parser.add_argument("--watch", action="store_true", help="renew what is said of gradcert.watch")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.watch:
        text = rewatched(PAGE.read_text(encoding="utf-8"), watched())
    else:
        text = renewed(PAGE.read_text(encoding="utf-8")) if given.times else page(watched(), *measured())
    if given.shown:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

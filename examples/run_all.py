"""Certify the third-party subjects of this folder, each in a process of its own, and end with a table.

    python examples/run_all.py                     # all of them
    python examples/run_all.py snntorch norse      # those whose name contains one of the words

A refuted claim is a result: where a library does not compute what its documentation says, the table says what it does
compute. The exit status is 1 if a verdict is not the one that the releases named below are known to get, 3 if a library
could not be judged at all (a library that is not installed is left out, and said to be). Libraries whose pins clash
live in environments of their own (``make peers``), and are found there.
"""

import importlib.util
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import gradcert

HERE = Path(__file__).resolve().parent

# subject: the library it needs, and the verdict known for torch 2.13, snntorch 1.0, spikingjelly 2.0, norse 1.1,
# jax 0.10, spyx 1.0, braintrace 0.2, nest 3.10
SUBJECTS = {
    "torch_rnn.py:gradients": ("torch", "certified"),
    "torch_lstm.py:gradients": ("torch", "certified"),
    "torch_gru.py:gradients": ("torch", "certified"),
    "snntorch_leaky.py:gradients": ("snntorch", "certified"),
    "snntorch_leaky.py:gradients_trained": ("snntorch", "certified"),
    "snntorch_leaky.py:gradients_float64": ("snntorch", "certified"),
    "snntorch_leaky.py:gradients_as_documented": ("snntorch", "refuted"),
    "snntorch_rleaky.py:gradients": ("snntorch", "certified"),
    "snntorch_rleaky.py:gradients_zero": ("snntorch", "certified"),
    "snntorch_two_states.py:synaptic": ("snntorch", "certified"),
    "snntorch_two_states.py:slstm": ("snntorch", "refuted"),
    "spikingjelly_lif.py:gradients": ("spikingjelly", "certified"),
    "spikingjelly_lif.py:gradients_detached": ("spikingjelly", "certified"),
    "spikingjelly_lif.py:gradients_float32": ("spikingjelly", "certified"),
    "spikingjelly_lif.py:gradients_parametric": ("spikingjelly", "certified"),
    "spikingjelly_sltt.py:gradients": ("spikingjelly", "certified"),
    "spikingjelly_ottt.py:gradients": ("spikingjelly", "refuted"),
    "spikingjelly_ottt.py:gradients_traced": ("spikingjelly", "certified"),
    "norse_lif.py:gradients": ("norse", "refuted"),
    "norse_lif.py:gradients_as_computed": ("norse", "certified"),
    "norse_two_states.py:lif": ("norse", "certified"),
    "norse_two_states.py:li": ("norse", "certified"),
    "norse_two_states.py:lsnn": ("norse", "refuted"),
    "jax_rnn.py:gradients": ("jax", "certified"),
    "spyx_lif.py:gradients": ("spyx", "certified"),
    "braintrace_rules.py:ostl": ("braintrace", "refuted"),
    "braintrace_rules.py:ostl_is_snap_1": ("braintrace", "certified"),
    "braintrace_rules.py:e_prop": ("braintrace", "certified"),
    "nest_eprop_2020.py:iaf": ("nest", "certified"),
    "nest_eprop_2020.py:classification": ("nest", "certified"),
    "nest_eprop_2020.py:regularised": ("nest", "certified"),
    "nest_eprop_2020.py:second_step": ("nest", "refuted"),
    "nest_eprop.py:iaf": ("nest", "certified"),
    "nest_eprop.py:adaptive": ("nest", "certified"),
}
PEERS = {"norse": "torch", "jax": "jax", "spyx": "jax", "braintrace": "jax", "nest": "nest"}  # their environments
COLOURS = {"certified": "green", "refuted": "red", "inconclusive": "yellow"}


def interpreter(library):
    """The Python that has a library: this one, or that of an environment of its own; None if neither has."""
    if importlib.util.find_spec(library) is not None:
        return sys.executable
    python = HERE.parent / f".venv-peers-{PEERS.get(library)}" / "bin" / "python"
    return str(python) if python.is_file() else None


def certificate(subject, python):
    """Certify one subject of this folder (the room itself cannot be sent to another process, a function can)."""
    return gradcert.certify(str(HERE / subject), python=python, run_cells=True)


def certificates(subjects, console):
    """Yield (subject, certificate) as they are done, one process for each core; `subjects` maps them to Pythons."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        ProcessPoolExecutor(os.cpu_count()) as pool,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task("certifying", total=len(subjects))
        running = {pool.submit(certificate, subject, python): subject for subject, python in subjects.items()}
        for done in as_completed(running):
            progress.advance(bar)
            yield running[done], done.result()


def table(results):
    """Subject, claim, verdict, worst error as a fraction of the budget, seconds."""
    out = Table(title="Third-party learning rules", title_justify="left")
    for title in ("subject", "claim"):
        out.add_column(title, overflow="fold")
    out.add_column("verdict")
    out.add_column("worst error\n/ budget", justify="right")
    out.add_column("seconds", justify="right")
    for subject, result in results.items():
        what = f"{result.claim['rule']}, {'/'.join(result.claim['cells'])}, {result.claim['dtype']}"
        verdict = f"[{COLOURS[result.verdict]}]{result.verdict}"
        worst = "-" if result.worst is None else f"{result.worst:.2g}"
        out.add_row(subject, what, verdict, worst, f"{result.seconds:.1f}")
    return out


def main(words):
    """Run, print, and return the exit status."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    chosen = {s: v for s, v in SUBJECTS.items() if not words or any(word in s for word in words)}
    homes = {needs: interpreter(needs) for needs, _ in chosen.values()}
    missing = {needs for needs, python in homes.items() if python is None}
    results = dict(certificates({s: homes[n] for s, (n, _) in chosen.items() if n not in missing}, console))
    results = {subject: results[subject] for subject in chosen if subject in results}

    for subject, result in results.items():
        if result.verdict != "certified":
            console.print(f"[bold]{subject}[/]: {escape(result.reason)}", highlight=False)
    for library in sorted(missing):
        console.print(f"{library} is not installed: its subjects were left out (make peers).")
    surprises = {s: c.verdict for s, c in results.items() if c.verdict != chosen[s][1]}
    for subject, verdict in surprises.items():
        console.print(f"{subject} was expected to be {chosen[subject][1]}, and is {verdict}.")
    console.print(table(results))
    if any(verdict == "inconclusive" for verdict in surprises.values()) or not results:
        return 3
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

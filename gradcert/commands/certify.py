"""``gradcert certify``."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gradcert.commands.claims import claim_options, parts
from gradcert.commands.common import Seconds, limits, progress, subject_of, writable, writers, written
from gradcert.commands.complete import subjects

EPILOG = """\b
Examples:
  gradcert certify examples/torch_rnn.py:gradients
  gradcert certify examples/wrong_ostl.py:gradients --html report.html
  gradcert certify examples/numpy_ostl.py:gradients --certificate ostl.json
  gradcert certify pkg.mod:f --rule ottt --cells lif --options strict=true
  gradcert certify examples/read_lif.py:Model
  gradcert certify lif.py:step --params make --example "x=(8,9)" --state zeros
  gradcert certify examples/claims/lif.py:gradients \\
      --claim examples/claims/padded.toml
  gradcert certify mine.py:f --rule bptt --cells lif \\
      --loss 'cross_entropy of sum'
  gradcert certify old_library.py:gradients --python ~/envs/old/bin/python
  gradcert certify --rule rtrl --cells rnn -- node examples/rtrl.mjs
  gradcert certify --fixed-point q-format --rule ottt -- ./ottt_fixed_point
  gradcert certify --fixed-point reckon examples/leaky_trace.toml

\b
--fixed-point FORMAT judges a fixed-point implementation (C, RTL, Python)
bit for bit: FORMAT is a profile of `gradcert hardware`, or a weight format
such as s6q4 (plain Q-format); without --rule it is ottt.
One step per line: {"inputs": {"x": [1, 0]},
"state": {"v": [3, -7]}} is answered with integers, {"v.next": [2, -6]}. A
Python subject takes (inputs, state); a file design.toml maps signals of RTL.

\b
A claim comes with the subject (decorator gradcert.claim) or from options,
which win; a torch.nn.Module is read, and claims what its forward pass says;
so is a step function of JAX, or a cell of flax (options as of gradcert read).
The smallest counterexample of a refuted claim goes to .gradcert/.
A refuted subject in Python is edited in memory, in its own process, and what
makes it right is shown if it is certified; no file of it is changed.
A subject is code that runs with your rights: isolation protects the judge's
numbers and your terminal, not your files (SECURITY.md: use a container).
Exit status: 0 certified; 1 refuted; 2 usage; 3 inconclusive; 4 our error."""


@click.command("certify", epilog=EPILOG)
@click.argument(
    "subject",
    metavar="FILE.py:ATTRIBUTE | MODULE:ATTRIBUTE | -- COMMAND...",
    nargs=-1,
    required=True,
    shell_complete=subjects,
)
@claim_options
@click.option("--example", metavar="x=(BATCH,...)", help="Of a module, or a step of JAX: shape of an input.")
@click.option("--params", metavar="NAME", help="Of a step function of JAX: its parameters in the file.")
@click.option("--state", metavar="NAME|(BATCH,...),...", help="Of either: the state before the first step.")
@click.option("--order", metavar="ORDER", help="Of a step of JAX, such as 'params, x, state -> y, state'.")
@click.option("--time", type=click.Choice(["0", "1"]), help="Of a module that takes sequences: its axis of time.")
@click.option(
    "--fixed-point", metavar="FORMAT", help="Judge integers: a profile of gradcert hardware, or such as s6q4."
)
@click.option("--profile", type=click.Choice(["quick", "default", "thorough"]), default="default", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), default=0, show_default=True, help="Decides every case.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--cluster", metavar="ADDRESS", help="Dask scheduler, in place of processes.")
@click.option("--resume", metavar="FILE", type=click.Path(dir_okay=False), help="Journal: go on where a run stopped.")
@click.option(
    "--repair",
    metavar="SECONDS",
    type=Seconds(0),
    default=20.0,
    show_default=True,
    envvar="GRADCERT_REPAIR",
    show_envvar=True,
    help="Processor time in which an edit of a refuted Python subject's source is looked for that makes it right.",
)
@click.option("--no-repair", is_flag=True, help="Look for none.")
@click.option("--run", is_flag=True, help="Run files of cells that the subject's claim names, in the judge's process.")
@writers
@limits
def command(
    subject: tuple[str, ...],
    example: str | None,
    params: str | None,
    state: str | None,
    order: str | None,
    time: str | None,
    fixed_point: str | None,
    profile: str,
    seed: int,
    jobs: int,
    cluster: str | None,
    resume: str | None,
    repair: float,
    no_repair: bool,
    run: bool,
    sealed: str | None,
    path: str | None,
    junit: str | None,
    html: str | None,
    markdown: str | None,
    badge: str | None,
    github: bool,
    timeout: float,
    memory: int,
    python: str | None,
    **claimed: Any,
) -> None:
    """Judge a subject against what it claims.

    The subject takes one problem and returns its gradients, (loss, gradients) or (loss, gradients, outputs). It runs
    in a process of its own. A program in any language reads one problem per line of standard input, as JSON, and
    answers with one line {"gradients": {...}}, with "loss" and "outputs" if it likes. A stepwise learner, with
    start(start), step(input, target) and gradients(), may claim to be online.
    """
    from rich.console import Console

    from gradcert.certify.campaign import certify
    from gradcert.certify.counterexample import store
    from gradcert.certify.report import terminal
    from gradcert.certify.subjects import Limits
    from gradcert.reference.errors import GradcertError

    files = {"sealed": sealed, "path": path, "junit": junit, "html": html, "markdown": markdown, "badge": badge}
    writable(*files.values(), github=github)
    subject_of(subject)
    if fixed_point is not None:
        from gradcert.commands import fixed_point as integers

        others = {"--certificate": sealed, "--junit": junit, "--html": html, "--resume": resume, "--cluster": cluster}
        others |= {"--markdown": markdown, "--badge": badge, "--github": "yes" if github else None}
        others |= {f"--{k}": v for k, v in claimed.items() if k not in ("rule", "options")}
        rule, options = claimed["rule"], claimed["options"]
        bounds = Limits(call=timeout, memory=memory)
        sys.exit(integers.run(subject, fixed_point, rule, options, profile, seed, bounds, python, path, others))
    said = {"--example": example, "--params": params, "--state": state, "--order": order, "--time": time}
    subject = with_words(subject, {name: value for name, value in said.items() if value is not None})
    errors = Console(stderr=True)
    try:
        with progress(errors) as bar:
            certificate = certify(
                subject_of(subject),
                profile=profile,
                seed=seed,
                python=python,
                limits=Limits(call=timeout, memory=memory),
                progress=bar,
                jobs=jobs,
                cluster=cluster,
                resume=Path(resume) if resume else None,
                run_cells=run,
                repair=0.0 if no_repair else repair,
                **parts(claimed),
            )
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    shown = certificate
    try:
        store(certificate)
    except GradcertError as error:
        click.echo(f"the counterexample is not stored: {error}", err=True)
        assert certificate.counterexample is not None
        shown = replace(certificate, counterexample={**certificate.counterexample, "replay": ""})
    if not written(certificate, shown, github=github, **files):
        terminal.write(shown, Console(highlight=False))
    sys.exit(certificate.exit_code)


def with_words(subject: tuple[str, ...], said: dict[str, str]) -> tuple[str, ...]:
    """Return a subject whose name says how it is read, so that a certificate that names it can be run again.

    Examples
    --------
    >>> with_words(("lif.py:step",), {"--example": "x=(8, 12)"})
    ("lif.py:step --example 'x=(8, 12)'",)
    """
    if not said:
        return subject
    if len(subject) > 1:
        raise click.UsageError(f"{', '.join(said)} with a command: they are of a module or a step, FILE.py:NAME")
    return (" ".join([subject[0], *(f"{name} {shlex.quote(value)}" for name, value in said.items())]),)

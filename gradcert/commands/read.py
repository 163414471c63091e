"""``gradcert read``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gradcert.commands.complete import modules
from gradcert.commands.pages import AS_JSON

FILE = click.Path(dir_okay=False)

EPILOG = """\b
Examples:
  gradcert read examples/read_lif.py:Model
  gradcert read examples/read_lif.py:Model --example "x=(32,12)" --json
  gradcert read "mine.py:Net(700, 128)" --state "(32,128),(32,10)"
  gradcert read mine.py:net --html page.html
  gradcert read lif.py:step --params make --example "x=(8,12)" --state zeros
  gradcert read mine.py:Net --write-cells net.toml --write-claim claim.toml

\b
Model is a torch.nn.Module that takes one time step, module(x) or
module(x, state), or a sequence (--time): a class, with its arguments where
it has some, an instance, or a function that returns one. Or it is a step
function of JAX, step(params, state, x) -> (state, y), or a cell of flax.
' is the step before, W @ x a weighted sum, cut[...] what your code keeps
from going back (detach, no_grad, .data, stop_gradient), with its line."""


@click.command("read", epilog=EPILOG)
@click.argument("model", metavar="FILE.py:MODEL", shell_complete=modules)
@click.option("--example", metavar="x=(BATCH,...)", help="Shape of the input of one step.")
@click.option(
    "--state", metavar="(BATCH,...),...", help="Shapes of a state that is passed, zeros; or its name in the file."
)
@click.option("--time", type=click.Choice(["0", "1", "inside"]), help="Axis of time, where it takes sequences.")
@click.option("--params", metavar="NAME", help="Of a step function of JAX: its parameters in the file.")
@click.option("--order", metavar="ORDER", help="Of a step function of JAX, such as 'params, x, state -> y, state'.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page: equations, and the graph drawn.")
@click.option("--write-cells", "cells", metavar="FILE", type=FILE, help="Its cells, for claims: .toml, or .py.")
@click.option("--write-claim", "claim", metavar="FILE", type=FILE, help="What it claims, for --claim, in TOML.")
@click.option("--write-nir", "nir", metavar="FILE", type=FILE, help="A graph of NIR, with its weights.")
@AS_JSON
def command(
    model: str,
    example: str | None,
    state: str | None,
    time: str | None,
    params: str | None,
    order: str | None,
    html: str | None,
    cells: str | None,
    claim: str | None,
    nir: str | None,
    as_json: bool,
) -> None:
    """Read a PyTorch module, or a step function of JAX: its equations, spikes, labelled edges, and what its code cuts.

    The file is run, in this process, and one step of the module is recorded on an example input. Nothing is guessed: a
    label that is chosen by convention says so, and what cannot be read is refused with its line.
    """
    from rich.console import Console

    from gradcert.commands.common import progress, shown, writable
    from gradcert.commands.modules import module_from, named, read_named
    from gradcert.commands.reading_files import check_names, write
    from gradcert.models.modules.named import arguments_of, is_step, state_of
    from gradcert.models.reading import read
    from gradcert.reference.errors import GradcertError

    writable(html, cells, claim, nir)
    try:
        check_names(cells)
        shown([model])
        with progress(Console(stderr=True)) as bar:
            bar(0, 0, f"running {model.partition(':')[0]}")
            file, found, call = named(model)
            bar(0, 0, f"reading {model.rpartition(':')[2]}")
            if is_step(file, found, params):
                if cells or claim or nir:
                    what = f"files of {model}, a step function of JAX"
                    raise GradcertError(what, allowed="those of a torch.nn.Module")
                reading = read(*arguments_of(model, file, found, call, params, example, state), order=order)
            else:
                module = module_from(model, found, call)
                reading, shape, said = read_named(module, example, state_of(file, state), time)
                if said:
                    click.echo(f"note: {said}", err=True)
                write(model, reading, shape, cells=cells, claim=claim, nir=nir)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    if html is not None:
        from gradcert.models.reading.page import page

        try:
            Path(html).write_text(page(reading), encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{html}: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps(reading.to_dict(), indent=1))
    elif html is cells is claim is nir is None:
        click.echo(str(reading))

"""``gradcert losses``."""

from __future__ import annotations

from typing import Any

import click

from gradcert.commands.complete import of
from gradcert.commands.pages import AS_JSON, chosen, rows_of, shown

EPILOG = """\b
Examples:
  gradcert losses
  gradcert losses max
  gradcert certify mine.py:f --loss 'cross_entropy of sum, mean over batch'
  gradcert certify mine.py:f --loss squared_error \\
      --activity rate:target=0.2,strength=0.1

\b
A loss is three choices, in this order: in what form, of what, reduced how.
A form of your own is a formula of o and y in braces:
  --loss '{(o - y)^4 / c; c=4} of last'
Each axis (time, batch, outputs) is summed where nothing is said."""


@click.command("losses", epilog=EPILOG)
@click.argument("name", required=False, shell_complete=of(lambda: _known(record())))
@AS_JSON
def command(name: str | None, as_json: bool) -> None:
    """Show what a loss is made of, or one part: forms, what of a sequence they are of, reductions, activity."""
    whole = record()
    if name is None:
        shown(whole, as_json=as_json)
        return
    known = _known(whole)
    part, row = known[chosen(name, known, "part of a loss")]
    shown({"name": name, "title": part, **{k: v for k, v in row.items() if v != name}}, as_json=as_json)


def forms() -> list[str]:
    """Return the forms that a loss may begin with."""
    return [row["kind"] for row in record()["in what form"]]


def _known(whole: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    return {row[next(iter(row))]: (part, row) for part, rows in whole.items() for row in rows}


def record() -> dict[str, Any]:
    """Return what a loss is made of, as it is documented where it is computed.

    Examples
    --------
    >>> [row["kind"] for row in record()["in what form"]]
    ['squared_error', 'cross_entropy', 'bernoulli']
    """
    from gradcert.certify.claims import REDUCED
    from gradcert.reference.networks import Activity
    from gradcert.reference.networks.losses import collect, form

    return {
        "in what form": rows_of(form.__doc__),
        "of what": rows_of(collect.__doc__),
        "reduced how": [{"axis": axis, "how": list(how)} for axis, how in REDUCED.items()],
        "activity": rows_of(Activity.__doc__),
    }

"""``gradcert surrogates``."""

from __future__ import annotations

from typing import Any

import click

from gradcert.commands.complete import names
from gradcert.commands.pages import AS_JSON, chosen, shown

EPILOG = """\b
Examples:
  gradcert surrogates
  gradcert surrogates atan
  gradcert certify mine.py:f --cells lif \\
      --options 'surrogate={"name": "atan", "scale": 2}'
  gradcert certify mine.py:f --cells lif \\
      --options 'surrogate={"formula": "h / (1 + x^2)", "h": 0.3}'

\b
x is the membrane potential minus the threshold. The peak is that of the
default scales; libraries use one name for different functions. Each takes an
amplitude too, {"name": "atan", "amplitude": 0.3}. What is in no table is a
formula, or the subject's own function, taken as given: the documentation's
page "Claims"."""


@click.command("surrogates", epilog=EPILOG)
@click.argument("name", required=False, shell_complete=names("SURROGATES"))
@AS_JSON
def command(name: str | None, as_json: bool) -> None:
    """Show the pseudo-derivatives of spikes, or one: formula, scales and their defaults, peak, who uses it."""
    from gradcert.reference.numbers import SURROGATES

    if name is None:
        shown({"surrogates": [record(known) for known in SURROGATES]}, as_json=as_json)
        return
    shown(record(chosen(name, SURROGATES, "surrogate")), as_json=as_json)


def record(name: str) -> dict[str, Any]:
    """Return everything about a pseudo-derivative; its formula is recorded from its code.

    Examples
    --------
    >>> record("soft_sign")["psi(x)"], record("soft_sign")["peak"]
    ('scale / 2 / (1 + scale |x|)^2', '1')
    """
    from gradcert.certify.diagnosis.equations import Symbols, Term, shorter
    from gradcert.reference.numbers import SURROGATES, Surrogate

    form = SURROGATES[name]
    scales: Any = {scale: Term("p", name=scale) for scale in form.defaults}
    x: Any = Term("now", name="x")
    symbols: Any = Symbols()
    formula: Any = form.formula(x, symbols, **scales)
    return {
        "name": name,
        "psi(x)": str(shorter(formula)),
        "scales": {scale: value for scale, value in form.defaults.items()},
        "peak": f"{Surrogate(name).peak:.6g}",
        "used by": form.used_by,
    }

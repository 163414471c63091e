"""Losses of hidden layers' own, of another form and scale than the output's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.losses.form import FORMS
from gradcert.reference.networks.losses.formula import is_formula, own


@dataclass(frozen=True)
class Local:
    """The loss at a hidden layer's fixed readout, strength times a form of it, taken and reduced as the output's is.

    Under rules with local feedback (``decolle``) it is what a hidden layer minimises, the fixed readout being the
    rule's own matrix; nothing of it goes further down. Under any other rule it is a term of the loss, an auxiliary
    loss, of those layers that the problem has a readout for (`Data`): E = output's loss + sum_m strength_m form(G_m
    z_m, targets). Its credit, strength G^T form', arrives at the layer's output, and goes on down as that of the loss
    does.

    Parameters
    ----------
    kind : the form: a name, or a formula in braces (`gradcert.reference.networks.Loss`).
    strength : a factor.
    layers : numbers of the layers that it is about; every hidden one where empty. A later one has the last word.

    Examples
    --------
    >>> Local(kind="cross_entropy", strength=0.5).to_dict()
    {'kind': 'cross_entropy', 'strength': 0.5, 'layers': []}
    """

    kind: str = "squared_error"
    strength: Any = 1.0
    layers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if is_formula(self.kind):
            own(self.kind)
        elif self.kind not in list(FORMS):
            raise GradcertError(
                f"a layer's own loss {self.kind!r}", allowed=f"{', '.join(FORMS)}, or a formula in braces"
            )
        check_number("strength of a layer's own loss", self.strength)
        given: Any = self.layers
        if not isinstance(given, tuple) or any(type(m) is not int or m < 0 for m in given):
            raise GradcertError(f"a layer's own loss of layers {self.layers!r}", allowed="numbers of layers, from 0")

    def about(self, layer: int) -> bool:
        """Return whether it is the loss of a layer."""
        return not self.layers or layer in self.layers

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "strength": self.strength, "layers": list(self.layers)}

"""Neurons of NIR as cells, and cells as neurons: LIF, LI, LI + Threshold and CubaLIF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.networks import Integrator, Layer, Lif, cell_named
from gradcert.reference.numbers import Array

try:
    import nir
except ModuleNotFoundError:
    absent = f"nir is not installed; to fix it: {install('nir')}"
    raise ModuleNotFoundError(absent, name="nir") from None

SURROGATE = "the graph has no pseudo-derivative"
TIE = "the graph fires at v > threshold; whether a tie fires is strict={}"
CURRENT = "the graph does not say which synaptic current drives v: here that {} the step's input"
CUBA_FILE = Path(__file__).with_name("cuba.py")
CUBA = tuple(f"{CUBA_FILE}:{name}" for name in ("NEW", "NEW_LATERAL", "OLD", "OLD_LATERAL"))
START = "the graph does not say where v starts: here at 0, although it leaks towards v_leak"
TRAINED = ("leak", "threshold", "kappa", "rho")


def neurons(
    layer: Layer, own: Mapping[str, Array], dt: float, notes: list[str], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return the nodes after a layer's linear map, in order; their arrays have the given shape."""
    cell: Any = layer.cell

    def unit(name: str) -> Array:
        found = np.asarray(own.get(name, getattr(cell, name, 0.0)), dtype=float)
        return np.broadcast_to(found, (layer.units,)).reshape(shape).copy()

    if cell.name == "rnn" and cell.activation == "identity" and not cell.recurrent:
        return {}
    if cell.name == "integrator":
        tau, r = _euler(unit("kappa"), cell.gain == "one", dt)
        return {"li": nir.LI(tau, r, 0 * tau)}
    if cell.name in CUBA:
        notes += [SURROGATE, TIE.format(cell.strict), CURRENT.format("after" if "NEW" in cell.name else "before")]
        tau, r = _euler(unit("leak"), True, dt)
        synaptic, w = _euler(unit("rho"), True, dt)
        rest, threshold, reset = unit("rest"), unit("threshold"), unit("reset_value")
        if rest.any():
            notes.append(START)
        return {"cuba": nir.CubaLIF(synaptic, tau, r, rest, threshold, reset, w)}
    if cell.name != "lif":
        allowed = "lif, integrator, a cell of gradcert.models.nir.cuba, and rnn as a linear readout"
        raise GradcertError(f"the cell {cell.name!r} in NIR", allowed=allowed)
    if cell.reset not in ("hard", "none"):
        raise GradcertError(f"reset={cell.reset!r} in NIR, which sets v to v_reset", allowed="'hard', 'none'")
    notes += [SURROGATE, TIE.format(cell.strict)]
    tau, r = _euler(unit("leak"), cell.gain == "one", dt)
    rest, threshold = unit("rest"), unit("threshold")
    if rest.any():
        notes.append(START)
    if cell.reset == "hard":
        return {"lif": nir.LIF(tau, r, rest, threshold, unit("reset_value"))}
    if "H" in own:
        raise GradcertError("lateral weights without a reset in NIR", allowed="reset='hard'")
    return {"li": nir.LI(tau, r, rest), "threshold": nir.Threshold(threshold)}


def _euler(leak: Array, one: bool, dt: float) -> tuple[Array, Array]:
    """Return tau and r for a leak; a leak of 1 has no tau."""
    if (leak >= 1).any():
        raise GradcertError("a leak of 1, whose tau is infinite", allowed="leaks below 1")
    tau = dt / (1 - leak)
    return tau, tau / dt if one else np.ones_like(tau)


def refuse(name: str, what: str) -> Any:
    """Raise for what a stack of layers cannot say at a node."""
    raise GradcertError(f"{what} at the node {name!r}", allowed="a chain of linear maps and LIF, LI or LI + Threshold")


def real(node: Any, name: str, *, positive: bool = False, units: int | None = None) -> Array:
    """Return an array of a node: finite numbers, at least one.

    Parameters
    ----------
    positive : a time constant, by which something is divided.
    units : how many numbers there may be, if not one.

    Raises
    ------
    GradcertError : for anything else, as a file may hold it.
    """
    kind, value = type(node).__name__, getattr(node, name, None)
    try:
        found = np.asarray(value)
        good = found.dtype.kind in "fiu" and found.size > 0 and bool(np.isfinite(found).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise GradcertError(f"{name} of a {kind}", allowed="finite numbers")
    if positive and not (found > 0).all():
        raise GradcertError(f"{name} of a {kind}", allowed="numbers > 0")
    if units is not None and found.size not in (1, units):
        raise GradcertError(f"{found.size} numbers for {name} of a {kind} of {units} units", allowed=f"one, or {units}")
    return found.astype(float)


def cell_of(
    node: Any, fires: Any, dt: float, options: Mapping[str, Any], notes: list[str], name: str
) -> tuple[Any, Array | None]:
    """Return a cell, and what its weights have to be multiplied by, if r is neither of our gains."""
    if type(node).__name__ == "Threshold":
        refuse(name, "a Threshold without an LI")
    step = dt / real(node, "tau", positive=True)
    leak, drive = 1 - step, real(node, "r") * step
    gain, scale = "one", None
    if (drive == step).all():
        gain = "one_minus_leak"
    elif (drive != 1).any():
        scale = drive
        notes.append(f"r of {name!r} is multiplied into the weights")
    rest = real(node, "v_leak")
    if type(node).__name__ == "LI" and fires is None:
        if rest.any():
            refuse(name, "an LI with v_leak")
        return Integrator(kappa=_plain(leak), gain=gain.replace("leak", "kappa")), scale
    notes += [SURROGATE, TIE.format(options.get("strict", True))]
    if rest.any():
        notes.append(START)
    given = {"strict": True, **options}
    common = {"leak": _plain(leak), "gain": gain, "rest": _plain(rest), **given}
    if fires is not None:
        return Lif(threshold=_plain(real(fires, "threshold")), reset="none", **common), scale
    value = 0.0 if node.v_reset is None else _plain(real(node, "v_reset"))
    return Lif(threshold=_plain(real(node, "v_threshold")), reset="hard", reset_value=value, **common), scale


def cuba_of(
    node: Any, dt: float, options: Mapping[str, Any], current: str, notes: list[str], *, lateral: bool
) -> tuple[Any, Array | None]:
    """Return the cell of a CubaLIF, and what its weights have to be multiplied by."""
    synaptic, membrane = (dt / real(node, tau, positive=True) for tau in ("tau_syn", "tau_mem"))
    drive = synaptic * real(node, "w_in") * membrane * real(node, "r")
    notes += [SURROGATE, TIE.format(options.get("strict", True))]
    notes.append(CURRENT.format("after" if current == "new" else "before"))
    if np.any(node.v_leak):
        notes.append(START)
    kind = cell_named(f"{CUBA_FILE}:{current.upper()}{'_LATERAL' if lateral else ''}")
    cell = kind(
        rho=_plain(1 - synaptic),
        leak=_plain(1 - membrane),
        threshold=_plain(real(node, "v_threshold")),
        rest=_plain(real(node, "v_leak")),
        reset_value=_plain(real(node, "v_reset")),
        **{"strict": True, **options},
    )
    return cell, None if (drive == 1).all() else drive


def _plain(values: Any) -> Any:
    """Return one number where all units have the same, else a tuple."""
    flat = np.atleast_1d(np.asarray(values, dtype=float)).ravel()
    return float(flat[0]) if (flat == flat[0]).all() else tuple(float(v) for v in flat)

"""The scalar recursion that the online and the windowed bound share.

For every parameter tensor and sample: one number per component of the state (an upper bound of the operator norm of
that block of dX/dw, w in the Frobenius norm), moved on by the norms of the blocks of one step's Jacobian,

    x_i^t = sum_j |A_ij^t| x_j^(t-1) + |F_i^t|
    |error of step t's gradient| <= sum_j |e_j^t| x_j^(t-1) + |e'^t F^t|

With a window of w steps, x moves once in w steps, by the norms of the blocks of the product of w Jacobians.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.reference.bounds.norms import norm
from gradcert.reference.bounds.recorded import Injection
from gradcert.reference.bounds.system import System
from gradcert.reference.networks import over_runs
from gradcert.reference.numbers import Array


class Recursion:
    """State of the recursion for the tensors of one layer; ``step`` takes one step of a system."""

    def __init__(self, names: tuple[str, ...], *, window: int, roundings: int) -> None:
        self.names, self.window, self.roundings = names, window, roundings
        self.x: dict[str, dict[Any, Array]] = {name: {} for name in names}
        self.error: dict[str, Array] = {name: np.zeros(1) for name in names}
        self._since = 0
        self._product: dict[tuple[Any, Any], Array] | None = None
        self._fresh: dict[str, list[tuple[dict[Any, Array], Array]]] = {name: [] for name in names}

    def step(self, system: System, injections: Mapping[str, list[Injection]], s: int) -> None:
        """Take step s of a system."""
        row = {c: e[:, s] for c, e in system.error.items()}
        a = {k: v[:, min(s, v.shape[1] - 1)] for k, v in system.transition.items()}
        pulled = row if self._product is None else _row_times(row, self._product)
        for name in self.names:
            total = self.error[name]
            for c, e in pulled.items():
                if c in self.x[name]:
                    total = total + self._norm(e) * self.x[name][c]
            for blocks, scale in self._fresh[name]:
                met = [np.matmul(row[c], blocks[c]) for c in blocks if c in row]
                if met:
                    total = total + self._norm(sum(met[1:], met[0])) * scale
            for injection in injections[name]:
                e_now = _combined({p: {"": e} for p, e in system.error_drive.items()}, injection, s).get("")
                if e_now is not None:
                    total = total + self._norm(e_now) * injection.scale[s]
            self.error[name] = total
        self._product = a if self._product is None else _times(a, self._product)
        for name in self.names:
            moved = [(_column(a, blocks), scale) for blocks, scale in self._fresh[name]]
            for injection in injections[name]:
                moved.append((_combined(system.drive, injection, s), injection.scale[s]))
            self._fresh[name] = moved
        self._since += 1
        if self._since == self.window:
            self._close()

    def _close(self) -> None:
        """Move x over the block of steps that has been collected."""
        product = self._product or {}
        norms = {key: self._norm(block) for key, block in product.items()}
        for name in self.names:
            old = self.x[name]
            new: dict[Any, Array] = {}
            for (i, j), size in norms.items():
                if j in old:
                    new[i] = new.get(i, np.zeros(1)) + size * old[j]
            for blocks, scale in self._fresh[name]:
                for i, block in blocks.items():
                    new[i] = new.get(i, np.zeros(1)) + self._norm(block) * scale
            self.x[name], self._fresh[name] = new, []
        self._product, self._since = None, 0

    def _norm(self, block: Array) -> Array:
        return norm(block, self.roundings)


def _combined(drive: Mapping[Any, Mapping[Any, Array]], injection: Injection, s: int) -> dict[Any, Array]:
    """Return an injection's blocks at a step: the sum over its ports, each times its factor."""
    out: dict[Any, Array] = {}
    for port, factor in injection.ports:
        for i, block in drive.get(port, {}).items():
            term = block[:, min(s, block.shape[1] - 1)]
            if factor is not None:
                value = np.broadcast_to(
                    factor[s][:, None, :], np.broadcast_shapes(term.shape[1:], factor[s][:, None].shape)
                )
                term = term * np.stack([value, abs(value)])
            if injection.shared:
                term = over_runs(term, injection.shared)
            out[i] = out[i] + term if i in out else term
    return out


def _times(a: Mapping[tuple[Any, Any], Array], b: Mapping[tuple[Any, Any], Array]) -> dict[tuple[Any, Any], Array]:
    out: dict[tuple[Any, Any], Array] = {}
    for (i, k), left in a.items():
        for (k2, j), right in b.items():
            if k == k2:
                term = np.matmul(left, right)
                out[i, j] = out[i, j] + term if (i, j) in out else term
    return out


def _row_times(row: Mapping[Any, Array], b: Mapping[tuple[Any, Any], Array]) -> dict[Any, Array]:
    out: dict[Any, Array] = {}
    for (k, j), right in b.items():
        if k in row:
            term = np.matmul(row[k], right)
            out[j] = out[j] + term if j in out else term
    return out


def _column(a: Mapping[tuple[Any, Any], Array], blocks: Mapping[Any, Array]) -> dict[Any, Array]:
    out: dict[Any, Array] = {}
    for (i, k), left in a.items():
        if k in blocks:
            term = np.matmul(left, blocks[k])
            out[i] = out[i] + term if i in out else term
    return out

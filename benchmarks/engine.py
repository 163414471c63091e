"""Speed of the engines, side by side with torch.autograd and with the machine's matrix-product rate.

Run: ``python benchmarks/engine.py [--quick]``. Each pair is timed alternately in one process; medians and ratios.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from gradcert.reference import RULES, Layer, Learner, Lif, Network, Snu
from gradcert.reference.engines import forward, reverse

console = Console()


def alternate(*calls: Callable[[], object], rounds: int) -> list[float]:
    """Return the median seconds of each call, the calls taking turns."""
    for call in calls:
        call()
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            seconds[k].append(time.perf_counter() - start)
    return [statistics.median(s) for s in seconds]


SIZE = 1024
SQUARE = np.random.default_rng(0).standard_normal((SIZE, SIZE))


def product() -> object:
    """NumPy's own float64 matrix product, whose rate everything is compared with: it takes its turn beside them."""
    return SQUARE @ SQUARE


def share(flops: float, seconds: float, seconds_product: float) -> float:
    """Return the rate of floating-point operations as a share of the matrix product's."""
    return flops / seconds / (2 * SIZE**3 / seconds_product)


class Spike(torch.autograd.Function):
    """The SNU's step with its pseudo-derivative 1 - tanh^2."""

    @staticmethod
    def forward(ctx, u):
        """Fire above the threshold."""
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        """Multiply by the pseudo-derivative."""
        (u,) = ctx.saved_tensors
        return g * (1 - torch.tanh(u) ** 2)


def torch_snu(p: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    """Return a call that computes the gradient of one recurrent SNU layer with torch.autograd."""
    w, h, b = (torch.tensor(p[f"layers.0.{k}"], requires_grad=True) for k in ("W", "H", "b"))
    tx, ty = torch.tensor(x), torch.tensor(y)

    def call() -> object:
        v = torch.zeros(x.shape[1], w.shape[0], dtype=torch.float64)
        z = v
        drive = tx @ w.T + b  # one product for all steps, as ours
        loss = torch.zeros((), dtype=torch.float64)
        outputs = []
        for t in range(len(x)):
            v = drive[t] + z @ h.T + 0.8 * v * (1 - z)
            z = Spike.apply(v - 1.0)
            outputs.append(z)
        loss = 0.5 * ((torch.stack(outputs) - ty) ** 2).sum()
        return torch.autograd.grad(loss, (w, h, b))

    return call


def flops_reverse(n: int, steps: int, batch: int) -> float:
    """Return the floating-point operations in matrix products: W x, H z, their pull-backs, and both gradients."""
    return 2.0 * steps * batch * n * n * (2 + 1 + 2)


def against_torch(rounds: int) -> None:
    """Reverse engine against torch.autograd."""
    table = Table(
        "n", "batch", "engine ms", "torch ms", "ratio", "of matmul rate", title="reverse engine, SNU, T = 100"
    )
    for n, batch in ((8, 16), (32, 16), (64, 16), (256, 16), (256, 32), (1024, 32)):
        network = Network(layers=(Layer(Snu(), inputs=n, units=n),))
        rng = np.random.default_rng(n)
        p = network.parameters(seed=1)
        x, y = rng.standard_normal((100, batch, n)), rng.standard_normal((100, batch, n))
        one, ours, theirs = alternate(
            product,
            lambda: reverse.gradients(network, p, x, y, rule=RULES["bptt"]),  # noqa: B023
            torch_snu(p, x, y),
            rounds=rounds,
        )
        of_rate = share(flops_reverse(n, 100, batch), ours, one)
        table.add_row(
            f"{n}", f"{batch}", f"{ours * 1e3:.2f}", f"{theirs * 1e3:.2f}", f"{ours / theirs:.2f}", f"{of_rate:.0%}"
        )
    console.print(table)


def forward_dense(rounds: int) -> None:
    """Forward engine, OSTL with dense recurrence."""
    n, batch, steps = 64, 4, 100
    network = Network(layers=(Layer(Snu(), inputs=n, units=n),))
    rng = np.random.default_rng(0)
    p, x, y = network.parameters(seed=1), rng.standard_normal((steps, batch, n)), rng.standard_normal((steps, batch, n))
    one, seconds = alternate(product, lambda: forward.gradients(network, p, x, y, rule=RULES["ostl"]), rounds=rounds)
    columns = 2 * n * n + n
    of_rate = share(2.0 * (steps - 1) * batch * n * n * columns, seconds, one)
    console.print(
        f"forward engine, OSTL, dense recurrence, n = {n}, T = {steps}: {seconds * 1e3:.0f} ms, "
        f"{of_rate:.0%} of matmul rate"
    )


def forward_linear(rounds: int) -> None:
    """Cost per step of the feed-forward rules against the number of weights."""
    table = Table("rule", *(f"n = {n}" for n in (64, 128, 256, 512)), "us per step ~ c * weights^k, k =")
    for name, cell in (("ostl", Snu(recurrent=False)), ("ottt", Lif())):
        times = []
        for n in (64, 128, 256, 512):
            network = Network(layers=(Layer(cell, inputs=n, units=n),))
            rng = np.random.default_rng(0)
            p, x, y = network.parameters(seed=1), rng.standard_normal((20, 4, n)), rng.standard_normal((20, 4, n))
            (s,) = alternate(lambda: forward.gradients(network, p, x, y, rule=RULES[name]), rounds=rounds)  # noqa: B023
            times.append(s / 20 * 1e6)
        slope = np.polyfit(np.log([128**2, 256**2, 512**2]), np.log(times[1:]), 1)[0]
        table.add_row(name, *(f"{t:.0f}" for t in times), f"{slope:.2f}")
    console.print(table)


def forward_memory() -> None:
    """Memory that the stepwise learner holds after a short and a long sequence that is generated as it goes."""
    table = Table("rule", "after 100 steps, KiB", "after 10 000 steps, KiB", title="stepwise learner, n = 32, batch 2")
    for name, cell in (("ostl", Snu()), ("ostl", Snu(recurrent=False)), ("ottt", Lif())):
        network = Network(layers=(Layer(cell, inputs=32, units=32),))
        p, held = network.parameters(seed=1), []
        for steps in (100, 10_000):
            rng = np.random.default_rng(0)
            tracemalloc.start()
            learner = Learner(network, p, rule=RULES[name], steps=steps, batch=2)
            for _ in range(steps):
                learner.step(rng.standard_normal((2, 32)), rng.standard_normal((2, 32)))
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0] / 1024)
            tracemalloc.stop()
        lateral = "lateral weights" if cell.recurrent else "feed-forward"
        table.add_row(f"{name}, {lateral}", *(f"{kib:.0f}" for kib in held))
    console.print(table)


def against_torch_forward_mode(rounds: int) -> None:
    """Forward engine, OSTL on one layer (= RTRL), against torch.func.jacfwd of the loss."""
    table = Table(
        "n", "engine ms", "torch.func ms", "ratio", "largest difference", title="forward mode, SNU, T = 20, batch 4"
    )
    for n in (8, 16, 32):
        network = Network(layers=(Layer(Snu(), inputs=n, units=n),))
        rng = np.random.default_rng(n)
        p, x, y = network.parameters(seed=1), rng.standard_normal((20, 4, n)), rng.standard_normal((20, 4, n))
        tx, ty = torch.tensor(x), torch.tensor(y)

        def loss(w: torch.Tensor, h: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            v = torch.zeros(4, w.shape[0], dtype=torch.float64)
            z, total = v, torch.zeros((), dtype=torch.float64)
            for t in range(20):
                v = tx[t] @ w.T + b + z @ h.T + 0.8 * v * (1 - z)  # noqa: B023
                u = v - 1.0
                # forward mode cannot see a custom backward: a smooth stand-in whose value is the step
                soft = torch.tanh(u)
                z = soft + ((u > 0).to(u.dtype) - soft).detach()
                total = total + 0.5 * ((z - ty[t]) ** 2).sum()  # noqa: B023
            return total

        weights = tuple(torch.tensor(p[f"layers.0.{k}"]) for k in ("W", "H", "b"))
        jacobian = torch.func.jacfwd(loss, argnums=(0, 1, 2))
        ours, theirs = alternate(
            lambda: forward.gradients(network, p, x, y, rule=RULES["rtrl"]),  # noqa: B023
            lambda: jacobian(*weights),  # noqa: B023
            rounds=rounds,
        )
        got = forward.gradients(network, p, x, y, rule=RULES["rtrl"])
        want = dict(zip(("W", "H", "b"), jacobian(*weights), strict=True))
        off = max(float(np.abs(got[f"layers.0.{k}"] - want[k].numpy()).max()) for k in want)
        table.add_row(f"{n}", f"{ours * 1e3:.1f}", f"{theirs * 1e3:.1f}", f"{ours / theirs:.2f}", f"{off:.1e}")
    console.print(table)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().quick else 15
    (one,) = alternate(product, rounds=rounds)
    console.print(
        f"matrix product, float64, {SIZE} x {SIZE}: {2 * SIZE**3 / one / 1e9:.1f} GFLOP/s; "
        f"torch threads {torch.get_num_threads()}"
    )
    against_torch(rounds)
    forward_dense(rounds)
    forward_linear(rounds)
    forward_memory()
    against_torch_forward_mode(min(rounds, 5))


if __name__ == "__main__":
    main()

"""Watching a step function of JAX: what `jax.grad` gave, or somebody's own traces, before the optimiser applies it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.jaxpr.gradients import delta_of, run
from gradcert.models.reading.jaxpr.play import Player, player
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.jaxpr.reader import read_network
from gradcert.models.reading.network.passes import Run
from gradcert.models.reading.network.written import Written
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule
from gradcert.watching.causes.places import places_of
from gradcert.watching.judging import Judging
from gradcert.watching.measured.envelope import MOST
from gradcert.watching.measured.evidence import Evidence
from gradcert.watching.measured.judgement import Judgement


class Seen(NamedTuple):
    """A step of training that is to be judged: its number, and arrays on the host."""

    number: int
    gradients: Any
    params: Any
    x: Any
    y: Any
    state: Any


class Watched(NamedTuple):
    """The state of a watched optimiser: steps so far, and the optimiser's own."""

    count: Any
    inner: Any


class WatchStep(Judging):
    """Watches the gradients of a step function of JAX (`gradcert.watching.watch`)."""

    def __init__(
        self,
        function: Any,
        *,
        loss: Callable[..., Any] | None = None,
        rule: Rule | str | None = None,
        every: int = 50,
        state: Any = None,
        order: str | None = None,
        output: int = 0,
        feedback: Mapping[str, Array] | None = None,
        folder: str = ".gradcert",
    ) -> None:
        if loss is None:  # it is optional where PyTorch's hooks see what comes back
            raise GradcertError(
                "a step function of JAX without a loss: nothing is seen of what came back to its outputs",
                do="pass loss=, (outputs of all steps, target) -> number",
            )
        super().__init__(rule=rule, every=every, loss=loss, output=output, feedback=feedback, folder=folder)
        self.function, self.state, self.order = function, state, order
        self._read: dict[Any, tuple[Written, Callable[[str], Player]]] = {}
        self._waiting: list[Seen] = []
        self._dtype = ""

    def __enter__(self) -> WatchStep:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Judge what waits; warn where no step was ever said to be over."""
        self.judge()
        if kind is None:
            self._ended()

    def step(self, gradients: Any, params: Any, x: Any, y: Any, *, state: Any = None) -> Judgement | None:
        """Judge gradients that are about to be applied.

        Parameters
        ----------
        gradients, params : nested like the parameters; the parameters that the gradients are of.
        x, y : the batch: inputs of all steps, (time, batch, ...), and the target as the loss takes it.
        state : before the first step, where it is not that of the watch.

        Returns
        -------
        What was found; None where the step was not due.
        """
        number, self._count = self._count, self._count + 1
        if not self._due(number):
            return None
        seen = Seen(number, gradients, params, x, y, self.state if state is None else state)
        return self._safely(number, lambda: self._judged(seen))

    def optax(self, optimiser: Any) -> Any:
        """Return an optimiser of Optax, or a chain, whose incoming gradients are watched.

        Its ``update`` takes the batch beside what it took: ``update(gradients, state, params, batch=(x, y))``, and
        ``carry=`` for a state before the first step that is not that of the watch. It may be inside ``jax.jit``: then
        a step that is due is handed over when it runs, and judged by `judge`, or when a report is asked for.

        Parameters
        ----------
        optimiser : a ``GradientTransformation``; what it does is not changed.

        Raises
        ------
        GradcertError : without Optax; at a step without its parameters or batch.

        Examples
        --------
        See ``examples/watch_optax.py``.
        """
        try:
            import optax
        except ModuleNotFoundError:
            raise GradcertError("a watched optimiser without Optax", do="pip install optax") from None
        inner = optax.with_extra_args_support(optimiser)

        def init(params: Any) -> Watched:
            return Watched(jnp.zeros((), dtype="int32"), inner.init(params))

        def update(
            updates: Any, held: Watched, params: Any = None, *, batch: Any = None, carry: Any = None, **given: Any
        ) -> tuple[Any, Watched]:
            if params is None or not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise GradcertError(
                    "a step of a watched optimiser without its parameters or its batch",
                    do="update(gradients, state, params, batch=(x, y)), x of all steps, (time, batch, ...)",
                )
            seen = (updates, params, *batch, self.state if carry is None else carry)
            if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves((held.count, seen))):
                jax.lax.cond(held.count % self.every == 0, self._handed, lambda *_: None, held.count, *seen)
            elif self._due(int(held.count)):
                self._waiting.append(Seen(int(held.count), *seen))
                self.judge()
            changed, own = inner.update(updates, held.inner, params, **given)
            return changed, Watched(held.count + 1, own)

        return optax.GradientTransformationExtraArgs(init, update)

    def _handed(self, *seen: Any) -> None:
        jax.experimental.io_callback(self._take, None, *seen, ordered=True)

    def _take(self, number: Any, *seen: Any) -> None:
        """Remember a step that runs now: inside a running program nothing of JAX may be called."""
        own = jax.tree_util.tree_map(lambda leaf: np.array(leaf) if hasattr(leaf, "dtype") else leaf, seen)
        self._waiting.append(Seen(int(number), *own))

    def judge(self) -> list[Judgement]:
        """Judge the steps that a compiled training has handed over, and return what was found."""
        jax.effects_barrier()
        waiting, self._waiting = self._waiting, []
        for seen in waiting:
            self._count = max(self._count, seen.number + 1)
        return [self._safely(seen.number, lambda seen=seen: self._judged(seen)) for seen in waiting]  # type: ignore[misc]

    def report(self) -> str:
        """Return what was found as a table."""
        self.judge()
        return super().report()

    def to_dict(self) -> dict[str, Any]:
        """Return all judgements in JSON form."""
        self.judge()
        return super().to_dict()

    def _judged(self, seen: Seen) -> Judgement:
        begun = time.process_time()
        written, played_by = self._network(seen)
        reading = written.reading
        call = reading.way
        parameters = call.named(seen.params)
        self._dtype = str(jnp.result_type(*parameters.values()))
        states = None if seen.state is None else jax.tree_util.tree_leaves(seen.state)
        played = played_by(self._dtype)(parameters, seen.x, states)
        with double():
            held = None if states is None else [jnp.asarray(np.asarray(s), dtype="float64") for s in states]
            done = run(written, parameters, np.asarray(seen.x), played, held)
            assert self.loss is not None
            loss, delta = delta_of(self.loss, seen.y, reading, played.outputs[self.output], self.output)
            given = {name: np.asarray(g, dtype="float64") for name, g in call.named(seen.gradients).items()}
            parts = done.parts(MOST)
            runs = tuple(done.part(part, light=True) for part in parts) if len(parts) > 1 else (done,)
            deltas = tuple(delta[:, part] for part in parts) if len(parts) > 1 else (delta,)
            evidence = Evidence(
                runs,
                deltas,
                given,
                None,
                self.feedback,
                loss,
                True,
                (None,) * len(runs),
                places_of(written),
                cuts=written.reading.cut_parameters,
            )
            notes = ["the sequence began from a state that is not zero"] if done.initial else []
            return self._found(seen.number, evidence, notes, self._dtype, begun)

    def _network(self, seen: Seen) -> tuple[Written, Callable[[str], Player]]:
        """Return the networks for a batch of this shape, and what runs the recorded step in a dtype."""
        key = jnp.shape(seen.x)[1:]
        if key not in self._read:
            written = read_network(
                self.function, seen.params, jnp.asarray(seen.x)[0], seen.state, self.order, self.output
            )
            players: dict[str, Player] = {}

            def played_by(dtype: str) -> Player:
                return players.setdefault(dtype, player(written.reading, dtype))

            self._read[key] = (written, played_by)
        return self._read[key]

    def _passed(self, evidence: Evidence) -> tuple[Run, ...]:
        return ()  # a function of JAX leaves nothing behind

    def _kept(self, judgement: Judgement, evidence: Evidence, dtype: str) -> str:
        from gradcert.watching.kept.writing import Failure, keep

        assert self.rule is not None
        reading = evidence.runs[0].written.reading  # type: ignore[attr-defined]
        model = {
            "name": reading.title,
            "file": _file_of(self.function),
            "time": None,
            "shape": list(reading.example.shape[1:]),
            "output": self.output,
        }
        return keep(Failure(judgement, self.rule, evidence, (), dtype, self._rounding, model), Path(self.folder))

    def _about(self) -> dict[str, str]:
        name = getattr(self.function, "__name__", type(self.function).__qualname__)
        return {
            "Model": name,
            "Claim": self._claim() or "none: which row is it?",
            "Judged": f"every {self.every} steps, of {self._count}; parameters in {self._dtype}; the loss: judged too",
        }


def _file_of(function: Any) -> str:
    try:
        return Path(inspect.getsourcefile(inspect.unwrap(function)) or "").name
    except (TypeError, OSError):
        return ""


__all__ = ["WatchStep"]

"""Where work runs: processes of this machine, or a Dask cluster. Each is a context that gives an ordered, lazy map."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from gradcert.reference.errors import GradcertError

Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
PATIENCE = 10.0  # seconds until a scheduler has to answer


@contextmanager
def processes(number: int) -> Iterator[Map]:
    """Give a map over processes of this machine.

    Examples
    --------
    >>> with processes(2) as run:
    ...     list(run(abs, [-1, -2, 3]))
    [1, 2, 3]
    """
    ways = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in ways else "spawn")
    pool = ProcessPoolExecutor(number, mp_context=context)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def dask_cluster(address: str) -> Iterator[Map]:
    """Give a map over the workers of a Dask cluster.

    Raises
    ------
    GradcertError : if Dask is not installed, or nothing answers at the address.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise GradcertError("Dask is not installed", do="pip install 'gradcert[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise GradcertError(
            f"no Dask scheduler answers at {address} ({error})", allowed="an address such as tcp://host:8786"
        ) from None

    def run(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        futures = client.map(function, list(items), pure=False)
        return (future.result() for future in futures)

    try:
        yield run
    finally:
        client.close()

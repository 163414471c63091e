"""Where work runs: processes of this machine, or a Dask cluster. Each is a context that gives an ordered, lazy map."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.workers import pool

Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
PATIENCE = 10.0  # seconds until a scheduler has to answer
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
LOOK = 2.0  # seconds between two looks whether it is still there


@contextmanager
def processes(number: int) -> Iterator[Map]:
    """Give a map over processes of this machine, each of which computes on one core.

    Libraries of linear algebra start a thread for every core in every process unless somebody says otherwise; on small
    matrices these wait for each other, at several times the processor time. What the environment says is kept.

    Examples
    --------
    >>> with processes(2) as run:
    ...     list(run(abs, [-1, -2, 3]))
    [1, 2, 3]
    """
    ways = multiprocessing.get_all_start_methods()
    unsaid = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unsaid, "1"))
    try:
        with pool(number, "forkserver" if "forkserver" in ways else "spawn") as working:
            yield working.map
    finally:
        for name in unsaid:
            os.environ.pop(name, None)


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
        raise GradcertError("Dask is not installed", do=install("cluster")) from None
    _reached(address)
    quiet = logging.getLogger("distributed")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # what happens is said once, and by us
    client: Any = None
    try:
        try:
            client = Client(address, timeout=PATIENCE, set_as_default=False)
        except Exception as error:  # whatever an address that is none leads to
            why = str(error).strip().splitlines()
            raise GradcertError(
                f"no Dask scheduler answers at {address} ({why[0] if why else type(error).__name__})",
                allowed="an address such as tcp://host:8786",
            ) from None

        def run(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            futures = client.map(function, list(items), pure=False)
            return (_result(client, future, address) for future in futures)

        yield run
    finally:
        if client is not None:
            with suppress(Exception):
                client.close(timeout=PATIENCE)
        quiet.setLevel(level)


def _reached(address: str) -> None:
    """Refuse an address at which nothing listens, before a client is made, which would go on trying for long."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import backends

    allowed = "an address such as tcp://host:8786"
    try:
        scheme, where = parse_address(address)
        if scheme not in backends or scheme == "inproc":
            raise ValueError(f"{scheme} is no way to reach one")
        host, port = parse_host_port(where)
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        why = str(getattr(error, "strerror", None) or error).strip().splitlines()
        said = why[0] if why else type(error).__name__
        raise GradcertError(f"no Dask scheduler answers at {address} ({said})", allowed=allowed) from None


def _result(client: Any, future: Any, address: str) -> Any:
    """Wait for a result, for as long as there is a scheduler."""
    from distributed import TimeoutError as Late

    while True:
        try:
            return future.result(timeout=LOOK)
        except GradcertError:
            raise
        except Late:
            if client.status == "running":
                continue
        except Exception as error:
            if client.status == "running" and not future.cancelled():
                raise GradcertError(f"a worker of the cluster failed ({type(error).__name__}: {error})") from None
        raise GradcertError(
            f"the Dask scheduler at {address} is gone", do="start it again; with --resume the run goes on where it was"
        ) from None

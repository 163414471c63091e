"""What a family of processes holds, seen from outside: pages, shared ones counted once, and files.

Pages are proportional set sizes (``/proc/PID/smaps_rollup``): a page that n processes share counts 1/n in each, so that
the sum over a family counts it once. Pages of files on a disk are left out: the system takes them back when it likes.
Files are what the family has written to storage, closed files included, and the size of the files that it holds open,
files in memory included. None where the system does not tell.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator

PAGE = os.sysconf("SC_PAGE_SIZE")
PRIVATE, SHARED = (b"Pss_Anon:", b"Swap:"), (b"Pss_Shmem:",)
IN_MEMORY = ("/memfd:", "/dev/shm/")


def pages(members: Iterable[int]) -> int | None:
    """Return the bytes of all pages of processes that no disk stands for, shared ones once.

    Examples
    --------
    >>> held = pages([os.getpid()])
    >>> held is None or held > 2**20
    True
    """
    held = _held(members)
    return None if held is None else sum(held)


def files(members: Iterable[int]) -> int | None:
    """Return the bytes that processes have written to storage, and those of the regular files that they hold open.

    A file on a disk counts in both: what is asked is whether the sum grows.
    """
    members, known, total = list(members), False, 0
    for pid in members:
        with contextlib.suppress(OSError, ValueError, KeyError), open(f"/proc/{pid}/io", "rb") as file:
            counts = dict(line.split(b":") for line in file.read().splitlines())
            total += int(counts[b"write_bytes"])
            known = True
    return total + sum(_opened(members).values()) if known else None


def forget(members: Iterable[int]) -> None:
    """Have the system count anew which pages of their own processes use (Linux)."""
    for pid in members:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/clear_refs", "wb") as file:
            file.write(b"1")


def touched(members: Iterable[int]) -> int | None:
    """Return the bytes of their own pages that processes have used since `forget`; None where that is not counted."""
    total, known = 0, False
    for pid in members:
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/smaps", "rb") as file:
            anonymous = False
            for line in file:
                if line.startswith(b"Referenced:"):
                    total += 1024 * int(line.split()[1]) * anonymous
                    known = True
                elif not line[:1].isupper():  # a map: addresses, rights, offset, device, number of the file, its name
                    words = line.split(maxsplit=5)
                    anonymous = len(words) < 6 or not words[5].startswith(b"/") or words[5].startswith(b"/dev/zero")
    return total if known else None


def exceeds(members: Iterable[int], limit: int) -> bool:
    """Return whether processes hold more than so many bytes; the costly count is made where a cheap one allows it."""
    members = list(members)
    in_files = sum(_opened(members, *IN_MEMORY).values())
    if sum(map(_resident, members)) + in_files <= limit:
        return False
    held = _held(members)
    return held is not None and held[0] + max(held[1], in_files) > limit  # a file in memory may be mapped as well


def _held(members: Iterable[int]) -> tuple[int, int] | None:
    private, shared, known = 0, 0, False
    for pid in members:
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(PRIVATE):
                    private += 1024 * int(line.split()[1])
                    known = True
                elif line.startswith(SHARED):
                    shared += 1024 * int(line.split()[1])
    return (private, shared) if known else None


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0


def _opened(members: Iterable[int], *kinds: str) -> dict[tuple[int, int], int]:
    """Return device and number -> bytes of the regular files that processes hold open, or of those of some kinds."""
    return {
        (found.st_dev, found.st_ino): 512 * found.st_blocks
        for pid in members
        for name, found in _descriptors(pid)
        if stat.S_ISREG(found.st_mode) and name.startswith(kinds or "/")
    }


def _descriptors(pid: int) -> Iterator[tuple[str, os.stat_result]]:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                path = f"/proc/{pid}/fd/{name}"
                yield os.readlink(path), os.stat(path)


def waited(pid: int) -> float:
    """Return for how many seconds a process was ready to run and did not: 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/schedstat", "rb") as file:
        return int(file.read().split()[1]) / 1e9
    return 0.0

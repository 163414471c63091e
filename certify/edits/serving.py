"""The subject's process, when it is asked for a repair: it never calls the subject itself, its children do.

``{"repair": {"name", "trials", "seconds", "raises"}}`` begins a search, ``{"next": true}`` goes on with it.
The reply is ``{"hunks": [...]}`` for edits after which every trial is right, and in the end ``{"done": true}``,
``{"why": "..."}`` where there is nothing to try, or ``{"ended": "..."}`` where the search itself failed; with each, how
many candidates were tried, and which files were looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from gradcert.certify.edits.cases import trial
from gradcert.certify.edits.search import Search, spent
from gradcert.certify.edits.sources import NotLookedFor, Sources, loader, shown
from gradcert.certify.subjects.modules import adapted
from gradcert.certify.subjects.wire import describe


def serve(get: Callable[[], Any], requests: IO[str], replies: IO[str], _: Callable[[], Mapping[str, Any]]) -> None:
    """Load a subject, say so, and look for repairs until the requests end.

    Parameters
    ----------
    get : loads it.
    requests, replies : lines of JSON.
    """

    def reply(message: Mapping[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        subject = adapted(get())
        get = _again(get, subject)
    except BaseException as error:
        reply({"failed": describe(error)})
        return
    reply({"ready": True, "claim": None})
    answers: Iterator[dict[str, Any]] = iter(())
    for line in requests:
        message = json.loads(line)
        if "repair" in message:
            answers = _answers(message["repair"], get, (requests.fileno(), replies.fileno()))
        reply(next(answers, {"done": True}))


def _again(get: Callable[[], Any], first: Any) -> Callable[[], Any]:
    """Return what loads a subject after an edit; a module is asked as it was read before any."""
    again = getattr(first, "__gradcert_again__", None)
    return get if again is None else lambda: again(get())


def _answers(asked: Mapping[str, Any], get: Callable[[], Any], close: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    files: list[str] = []
    loaded = loader(asked["name"], get)

    def load(texts: Mapping[str, str]) -> Sources:
        sources = loaded(texts)
        files[:] = [shown(f.path) for f in sources.files]
        return sources

    trials = [trial(record) for record in asked["trials"]]
    search = Search(load, trials, asked["seconds"], asked["raises"], close)

    def told() -> dict[str, Any]:
        return {"tried": search.tried, "hung": search.hung, "files": files, "processor": spent()}

    try:
        for hunks in search.found():
            yield {"hunks": hunks, **told()}
        yield {"done": True, **told()}
    except NotLookedFor as error:
        yield {"why": str(error), **told()}
    except Exception as error:
        yield {"ended": f"{type(error).__name__}: {str(error)[:200]}", **told()}

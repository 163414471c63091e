"""What a subject's process says, as JSON: exceptions as text, arrays as base64 of their bytes."""

from __future__ import annotations

import base64
import importlib
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.subjects.sources import own

TRACEBACK_LINES = 12
OURS = tuple(str(Path(__file__).with_name(name)) for name in ("worker.py", "serving.py", "stepped.py", "replaced.py"))
OURS += (importlib.__file__,)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as text: its kind, its message, and the end of its traceback, without frames of ours."""
    hidden = (*OURS, "<frozen ")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(hidden)]
    parts = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    lines = _whole("".join(parts)).splitlines()
    try:
        message = str(error)[:2000]
    except Exception as other:  # an exception that cannot be shown
        message = f"(no message: its own text raises {type(other).__name__})"
    kind = _whole(type(error).__name__)
    ours = any(cls.__name__ == "GradcertError" for cls in type(error).__mro__)  # by name: it may have no gradcert
    place = next((f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames) if own(f.filename)), "")
    said = {"ours": ours, "kind": kind, "message": _whole(message), "place": _whole(place)}
    return {**said, "traceback": lines[-TRACEBACK_LINES:]}


def _whole(text: str) -> str:
    """Return a text of whole characters: a line with half of one is refused on the other side."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def encoded(value: Any) -> dict[str, Any]:
    """Return an array as its dtype, shape and bytes, or why it is none."""
    try:
        if hasattr(value, "detach"):  # a tensor that still hangs on its graph
            value = value.detach().cpu()
            value = value.float() if str(value.dtype) == "torch.bfloat16" else value  # NumPy has no such dtype
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype.name == "bfloat16" else array  # of ml_dtypes, as in JAX
    except Exception as error:
        return {"wrong": f"a {type(value).__name__} that does not convert to an array ({error})"[:300]}
    if array.dtype.kind not in "fiub":
        return {"wrong": f"an array of dtype {array.dtype}"}
    if array.dtype.str.startswith(">"):  # on the wire the least byte comes first
        array = array.astype(array.dtype.newbyteorder("<"))
    shape = [int(n) for n in array.shape]
    return {"dtype": array.dtype.name, "shape": shape, "data": base64.b64encode(array.tobytes()).decode()}

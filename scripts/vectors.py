"""Write the released golden vectors: ``python -m scripts.vectors`` (`make vectors`).

A folder of `vectors/` for each claim of `SETS`: what ``gradcert vectors`` writes, less ``problems.jsonl``, which the
lines of ``vectors.jsonl`` hold too; and the table of ``vectors/README.md``. The quick profile keeps it small.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcert.certify.campaign import vectors
from gradcert.certify.claims import Claim

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "vectors"
SCHEMA = ROOT / "certify" / "certificates" / "vector.schema.json"
SETS: dict[str, dict[str, Any]] = {
    "bptt-rnn": {"rule": "bptt", "cells": "rnn"},
    "bptt-leaky_rnn": {"rule": "bptt", "cells": "leaky_rnn"},
    "bptt-lstm": {"rule": "bptt", "cells": "lstm"},
    "bptt-gru": {"rule": "bptt", "cells": "gru"},
    "bptt-ltc": {"rule": "bptt", "cells": "ltc"},
    "bptt-lif": {"rule": "bptt", "cells": "lif"},
    "bptt-alif": {"rule": "bptt", "cells": "alif"},
    "bptt-detached-reset-lif": {"rule": "bptt-detached-reset", "cells": "lif"},
    "tbptt-3-rnn": {"rule": "tbptt(3)", "cells": "rnn"},
    "ostl-snu": {"rule": "ostl", "cells": "snu"},
    "ostl-ssnu": {"rule": "ostl", "cells": "ssnu"},
    "osttp-snu": {"rule": "osttp", "cells": "snu"},
    "e-prop-alif": {"rule": "e-prop", "cells": "alif"},
    "e-prop-lif": {"rule": "e-prop", "cells": "lif"},
    "ottt-lif": {"rule": "ottt", "cells": "lif"},
    "sltt-lif": {"rule": "sltt", "cells": "lif"},
    "snap-1-rnn": {"rule": "snap-1", "cells": "rnn"},
    "bptt-rnn-float32": {"rule": "bptt", "cells": "rnn", "dtype": "float32"},
}
MARK = "<!-- table: make vectors -->\n"


def main() -> None:
    """Write every set, the schema and the table."""
    for old in FOLDER.glob("*/vectors.json"):
        shutil.rmtree(old.parent)
    for name, parts in SETS.items():
        vectors.write(FOLDER / name, Claim(**parts), profile="quick")
        (FOLDER / name / "problems.jsonl").unlink()
    shutil.copyfile(SCHEMA, FOLDER / "vector.schema.json")
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    text = re.sub(f"{MARK}.*?{MARK}", lambda _: MARK + table() + MARK, page, flags=re.DOTALL)
    (FOLDER / "README.md").write_text(text, encoding="utf-8")


def table() -> str:
    """Return the table of all sets: claim, vectors, classes of bugs, known-wrong programs that they catch."""
    rows = ["| folder | claim | vectors | bug classes | known-wrong programs caught |", "|---|---|--:|---|--:|"]
    for name in SETS:
        head: Mapping[str, Any] = json.loads((FOLDER / name / "vectors.json").read_text(encoding="utf-8"))
        lines = [
            json.loads(line) for line in (FOLDER / name / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        defects = ", ".join(sorted({defect for line in lines for defect in line["defects"]}))
        caught = len({wrong for line in lines for wrong in line["catches"]})
        claim = head["claim"]
        said = f"{claim['rule']} on {claim['cells'][0]}, {claim['dtype']}"
        rows.append(f"| [{name}]({name}/vectors.jsonl) | {said} | {len(lines)} | {defects} | {caught} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()

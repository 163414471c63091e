"""Bach's chorales in four parts as piano rolls, a step a quarter note, out of the scores that music21 carries.

The package is BSD-3-Clause; its encodings are not ours to ship, so that rolls are made at run time. They are as
played: the JSB data set of the papers (Boulanger-Lewandowski et al. 2012) is transposed, split otherwise, and cannot be
had from a registry; negative log-likelihoods here and there are not the same quantity.
"""

from __future__ import annotations

import io
import math
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from gradcert.papers.data.fetch import Source, fetched
from gradcert.reference.numbers import Array

KEYS = 88
LOWEST = 21  # MIDI number of the lowest key
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHORTEST = 16


def _read(path: Path) -> bytes:
    """Return the rolls of all chorales of four parts: each its number of steps (2 bytes), then 11 bytes a step."""
    out = []
    with zipfile.ZipFile(path) as package:
        names = [n for n in package.namelist() if n.startswith("music21/corpus/bach/") and n.endswith(".mxl")]
        for name in sorted(names):
            roll = _roll(package.read(name))
            if roll is not None:
                out.append(len(roll).to_bytes(2, "big") + np.packbits(roll, axis=1).tobytes())
    return b"".join(out)


def _roll(score: bytes) -> Array | None:
    with zipfile.ZipFile(io.BytesIO(score)) as file:
        inside = [n for n in file.namelist() if n.endswith("xml") and not n.startswith("META-INF")]
        root = ET.fromstring(file.read(inside[0]))
    if len(list(root.iter("part"))) != 4:
        return None
    notes = [note for part in root.iter("part") for note in _notes(part)]
    steps = math.ceil(max((end for _, end, _ in notes), default=0))
    if steps < SHORTEST:
        return None
    roll = np.zeros((steps, KEYS), np.uint8)
    for begin, end, key in notes:
        if 0 <= key < KEYS:
            roll[math.ceil(begin - 1e-9) : math.ceil(end - 1e-9), key] = 1
    return roll


def _notes(part: ET.Element) -> Iterator[tuple[float, float, int]]:
    """Yield beginning and end of every note, in quarter notes, and its key."""
    now, divisions = 0.0, 1.0
    for measure in part.findall("measure"):
        furthest, onset = now, now
        for element in measure:
            length = float(element.findtext("duration") or 0) / divisions
            if element.tag == "attributes":
                divisions = float(element.findtext("divisions") or divisions)
            elif element.tag in ("backup", "forward"):
                now += -length if element.tag == "backup" else length
            elif element.tag == "note" and element.find("grace") is None:
                begin = onset if element.find("chord") is not None else now
                pitch = element.find("pitch")
                if pitch is not None:
                    sharp = int(float(pitch.findtext("alter") or 0))
                    octave = int(pitch.findtext("octave") or 0)
                    yield (
                        begin,
                        begin + length,
                        12 * (octave + 1) + STEPS[pitch.findtext("step") or "C"] + sharp - LOWEST,
                    )
                if element.find("chord") is None:
                    onset, now = now, now + length
            furthest = max(furthest, now)
        now = furthest


CHORALES = Source(
    "chorales", "pip", "music21==10.5.1", _read, "728376fbb8c9c17ab5de5743583da8837593745ccbd8f2311c7488e15f86b0ff",
    "J. S. Bach; encodings of music21's corpus by several hands, not shipped; package BSD-3-Clause",
)  # fmt: skip


@lru_cache(maxsize=1)
def chorales() -> tuple[list[Array], list[Array], list[Array]]:
    """Return rolls (steps, 88), float32, of training, validation and test: 70, 15, 15 %, shuffled once."""
    data, rolls, at = fetched(CHORALES), [], 0
    while at < len(data):
        steps = int.from_bytes(data[at : at + 2], "big")
        bits = np.frombuffer(data, np.uint8, 11 * steps, at + 2).reshape(steps, 11)
        rolls.append(np.unpackbits(bits, axis=1)[:, :KEYS].astype(np.float32))
        at += 2 + 11 * steps
    order = np.random.default_rng(2012).permutation(len(rolls))
    mixed = [rolls[i] for i in order]
    one, two = int(0.7 * len(mixed)), int(0.85 * len(mixed))
    return mixed[:one], mixed[one:two], mixed[two:]

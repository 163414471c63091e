"""docs/claims.md and the schema of claims: what they name is what a claim has, and their example can be claimed."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gradcert.certify.certificates import validated
from gradcert.certify.certificates.schema import published
from gradcert.certify.claims import Claim, Parts, read_claim
from gradcert.reference import GradcertError
from gradcert.reference.networks.problem import OPTIONAL
from gradcert.reference.outside import toml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "claims.md").read_text()
PARTS = {f.name for f in fields(Claim)} | {"loss"}


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_example_is_a_claim(tmp_path):
    (tmp_path / "claim.toml").write_text(block("toml"))
    found = read_claim(tmp_path / "claim.toml")
    assert found.masks == ("output",) and found.losses == ("cross_entropy",) and found.activity[0]["target"] == 0.2
    validated(toml(tmp_path / "claim.toml", "a claim"), "claim", "the example")


def test_the_example_of_a_graph_is_a_claim(tmp_path):
    (text,) = [b for b in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[network]" in b]
    (tmp_path / "claim.toml").write_text(text)
    found = read_claim(tmp_path / "claim.toml")
    assert found.depths == (2,) and found.network["inputs"][0] == {"name": "image", "size": 16}
    validated(toml(tmp_path / "claim.toml", "a claim"), "claim", "the example")
    validated({k: v for k, v in found.to_dict().items() if k != "cells"}, "claim", "the JSON form")


def test_the_table_names_every_part_and_every_field_of_a_problem():
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    said = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert said >= PARTS and said >= set(OPTIONAL)
    assert all(f'"{name}"' in block("json") for name in OPTIONAL)


def takes(name, several):
    """Return whether a claim has several of a part."""
    try:
        return getattr(Claim("bptt", "rnn", **{name: several}), name) == tuple(several)
    except GradcertError:
        return False


def test_the_parts_of_a_loss_of_which_a_list_is_alternatives_are_those_that_the_page_says():
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `losses`, `when`")]
    lists = {"losses": ["squared_error", "cross_entropy"], "when": ["every", "last"]}
    lists |= {name: ["sum", "mean"] for name in ("time", "batch", "outputs")}
    taken = {name for name, several in lists.items() if takes(name, several)}
    assert set(re.findall(r"`(\w+)`", row.split(" | ")[1])) == taken


def test_the_schema_has_the_same_parts():
    assert set(published("claim")["properties"]) == PARTS
    assert set(Parts.__annotations__) == PARTS | {"claim"}
    for path in (ROOT / "examples" / "claims").glob("*.toml"):
        validated(toml(path, "a claim"), "claim", path.name)
    for wrong in (
        {"rule": "bptt"},
        {"rule": "bptt", "cells": "lif", "masks": 3},
        {"rule": "b", "cells": "l", "los": ""},
    ):
        with pytest.raises(GradcertError, match="does not fit"):
            validated(wrong, "claim", "it")
    whole = Claim("bptt", "lif", weights=True, masks="output", activity={"kind": "rate"}, T=3, sizes=(2, 3), depths=1)
    validated(whole.to_dict(), "claim", "the JSON form")

"""Subjects that are programs in other languages: RTRL in JavaScript (``rtrl.mjs``) and OTTT in C (``ottt.c``).

Each takes one JSON line per problem on standard input and writes one JSON line of gradients; this file is only the
bridge. `ottt` needs a C compiler called ``cc``, `rtrl` needs ``node``.
"""

import functools
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import gradcert

HERE = Path(__file__).resolve().parent


def solve(command, problem):
    """Have a program solve one problem; floats travel as decimals that read back to the same number."""
    done = subprocess.run(command, input=problem.to_json() + "\n", capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    return (
        answer["loss"],
        {name: np.array(value) for name, value in answer["gradients"].items()},
        np.array(answer["outputs"]),
    )


@functools.cache
def compiled():
    """Compile ``ottt.c`` once per process; without fused multiply-add, which would round differently."""
    folder = tempfile.TemporaryDirectory(prefix="gradcert-")
    program = Path(folder.name) / "ottt"
    command = ["cc", "-std=c11", "-O2", "-ffp-contract=off", "-o", str(program), str(HERE / "ottt.c"), "-lm"]
    subprocess.run(command, check=True)
    return program, folder  # the folder is removed with its object


@gradcert.claim(rule="rtrl", cells=("rnn",), depths=(1, 2, 3), dtype="float64", options={"activation": "tanh"})
def rtrl(problem):
    """Real-time recurrent learning in JavaScript."""
    return solve(["node", str(HERE / "rtrl.mjs")], problem)


@gradcert.claim(
    rule="ottt",
    cells=("lif",),
    depths=(1, 2, 3),
    dtype="float64",
    options={
        "reset": "subtract_before_leak",
        "gain": "one",
        "recurrent": False,
        "strict": [False, True],
        "surrogate": [{"name": "triangle", "scale": 1.0, "width": 1.0}, {"name": "sigmoid", "scale": 4.0}],
    },
)
def ottt(problem):
    """OTTT in C."""
    program, _ = compiled()
    return solve([str(program)], problem)

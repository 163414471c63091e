from dataclasses import replace

import numpy as np
import pytest

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Layer, Lif, Network, Problem, problem_from_json
from gradcert.reference.numbers import held


def problem(dtype="float32", **more):
    network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    rng = np.random.default_rng(0)
    parameters = {name: value.astype(dtype) for name, value in network.parameters(seed=1).items()}
    x, y = (rng.standard_normal(shape).astype(dtype) for shape in ((4, 2, 2), (4, 2, 3)))
    return Problem(network, parameters, x, y, **more)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_problem_of_16_bits_is_the_same_from_its_json(name):
    made = problem("float16") if name == "float16" else problem(format=name)
    again = problem_from_json(made.to_json())
    assert (made.dtype, again.dtype) == (name, name)
    for key, value in made.arrays.items():
        assert again.arrays[key].dtype == value.dtype
        np.testing.assert_array_equal(again.arrays[key], value)


def test_numbers_of_bfloat16_are_exact_in_every_array():
    weights, masks = np.full((4, 2), 0.3, np.float32), {"layers.0": np.full((4, 2, 3), 1.1, np.float32)}
    made = problem(format="bfloat16", weights=weights, masks=masks, initial={"layers.0.v": np.full(3, 0.7, np.float32)})
    rounded = [made.weights, made.masks["layers.0"], made.initial["layers.0.v"], made.inputs, made.targets]
    for value in (*rounded, *made.parameters.values()):
        np.testing.assert_array_equal(value, held(value, "bfloat16"))
    moved = replace(made, inputs=made.inputs + np.float32(0.001))
    np.testing.assert_array_equal(moved.inputs, held(made.inputs + np.float32(0.001), "bfloat16"))


def test_a_format_goes_with_the_arrays_and_not_with_others():
    made = problem(format="bfloat16")
    assert (made.copy().dtype, made.part(steps=slice(2)).dtype, made.floats().dtype) == (
        "bfloat16",
        "bfloat16",
        "float64",
    )
    assert problem("float64", format="float64").format == ""


@pytest.mark.parametrize(("dtype", "name"), [("float64", "bfloat16"), ("float32", "float16"), ("float32", "fp8")])
def test_a_format_in_other_arrays_is_refused(dtype, name):
    with pytest.raises(GradcertError, match=f"a problem of format '{name}' in arrays of {dtype}"):
        problem(dtype, format=name)

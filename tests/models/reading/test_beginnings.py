"""States that begin as a Python number: ``v = 0.`` before the loop over time."""

import pytest

torch = pytest.importorskip("torch")
import gradcert  # noqa: E402
from gradcert.reference.errors import GradcertError  # noqa: E402
from scripts.watch_faults.trainers import Spike  # noqa: E402

T, B, K, N = 6, 3, 4, 5


class Loop(torch.nn.Module):
    """A spiking layer, a leaky readout, a sum of it: `begins` says as what each of them begins."""

    def __init__(self, *begins, constant=False):
        super().__init__()
        self.fc, self.out, self.begins, self.constant = torch.nn.Linear(K, N), torch.nn.Linear(N, 2), begins, constant

    def forward(self, x):
        zeros = torch.zeros(B, N), torch.zeros(B, 2), torch.zeros(B, 2)
        v, y, total = (zero if begin is None else begin for begin, zero in zip(self.begins, zeros, strict=True))
        for now in [x] * T if self.constant else x:
            v = 0.9 * v + self.fc(now)
            z = Spike.apply(v - 1.0)
            v = v - z.detach()
            y = 0.8 * y + self.out(z)
            total = total + y
        return total


def read(*begins):
    found = gradcert.read(Loop(*begins), torch.ones(T, B, K), time=0)
    return found.to_dict() | {"values": [float(s.initial.abs().max()) for s in found.step.slots]}


@pytest.mark.parametrize("begins", [(None, 0.0, None), (0.0, None, None), (None, None, 0), (0.0, 0.0, 0), (0, 0, 0.0)])
def test_zero_is_read_as_a_tensor_of_zeros(begins):
    assert read(*begins) == read(None, None, None)


def test_another_number_is_refused_with_its_line_and_what_to_do():
    with pytest.raises(GradcertError, match=r"test_beginnings\.py:\d+; allowed: .* begin with torch\.zeros"):
        read(-0.5, None, None)


def test_so_is_one_of_a_loop_over_a_constant_input():
    with pytest.raises(GradcertError, match=r"test_beginnings\.py:\d+; .*begin with torch\.zeros"):
        gradcert.read(Loop(0.0, 0.0, 0, constant=True), torch.ones(B, K), time="inside")


class Independent(torch.nn.Module):
    """A recurrence of every unit with itself, by a weight that is trained: the first step has it of one sample."""

    def __init__(self, begin):
        super().__init__()
        self.fc, self.u, self.begin = torch.nn.Linear(K, N), torch.nn.Parameter(torch.randn(N)), begin

    def forward(self, x):
        h, out = self.begin, []
        for now in x:
            h = torch.relu(self.fc(now) + self.u * h)
            out.append(h)
        return torch.stack(out)


def test_zero_that_a_trained_number_multiplies_is_zeros_too():
    number, zeros = (gradcert.read(Independent(begin), torch.ones(T, B, K), time=0) for begin in (0, torch.zeros(B, N)))
    assert number.rows == zeros.rows and "bptt" in number.rows
    assert number.to_dict() == zeros.to_dict()

"""snnTorch 1.0.0: ``SLSTM`` forgets everything at every step unless it has as many inputs as units.

``SLSTM.forward`` compares the shape of its state, (batch, hidden), with that of its input, (batch, inputs), and
replaces the state by zeros where they differ. Two different pasts then give the same state. The second oracle is
PyTorch's own ``nn.LSTMCell`` with the same weights, which does remember.
"""

import snntorch
import torch


def states(inputs, hidden):
    """Return the cell state after two different first steps and one common step, for SLSTM and for its LSTMCell."""
    torch.manual_seed(0)
    cell = snntorch.SLSTM(inputs, hidden, threshold=1e9)  # never fires: no reset, so it is an LSTM
    now = torch.randn(1, inputs)
    out = []
    for past in (torch.zeros(1, inputs), torch.ones(1, inputs)):
        _, syn, _ = cell(now, *cell(past, *cell.init_slstm())[1:])
        _, syn_again = cell.lstm_cell(now, cell.lstm_cell(past))
        out.append((syn, syn_again))
    return out


for inputs, hidden in ((3, 4), (4, 4)):
    (a, lstm_a), (b, lstm_b) = states(inputs, hidden)
    print(f"{inputs} inputs, {hidden} units: past changes SLSTM by {(a - b).abs().max().item():.3f}", end=", ")
    print(f"its LSTMCell by {(lstm_a - lstm_b).abs().max().item():.3f}")
    assert not torch.equal(lstm_a, lstm_b)
    assert torch.equal(a, b) is (inputs != hidden)
    assert (torch.equal(a, lstm_a) and torch.equal(b, lstm_b)) is (inputs == hidden)

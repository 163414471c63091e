"""What the PyTorch examples share: a problem as tensors, its loss one step at a time, and the answer as arrays."""

import numpy as np
import torch


def tensors(problem, dtype):
    """Parameters that record gradients, inputs (T, B, n_in) and targets (T, B, n_out); all of them copies."""
    parameters = {k: torch.nn.Parameter(torch.tensor(v, dtype=dtype)) for k, v in problem.parameters.items()}
    return parameters, torch.tensor(problem.inputs, dtype=dtype), torch.tensor(problem.targets, dtype=dtype)


def step_loss(problem, t, output, target):
    """The share of step ``t`` in the loss; the loss is the sum over the steps."""
    loss, (steps, batch, _) = problem.network.loss, problem.inputs.shape
    if loss.when == "last" and t < steps - 1:
        return output.sum() * 0
    if loss.kind == "squared_error":
        share = ((output - target) ** 2).sum() / 2
    else:
        share = -(target * output.log_softmax(-1)).sum()
    counted = steps if loss.when == "every" else 1
    return share / ((counted if loss.time == "mean" else 1) * (batch if loss.batch == "mean" else 1))


def total_loss(problem, outputs, targets):
    """The loss of all steps, for rules that backpropagate through time."""
    return sum(step_loss(problem, t, o, y) for t, (o, y) in enumerate(zip(outputs, targets, strict=True)))


def answer(loss, parameters, outputs):
    """(loss, gradients, outputs) as NumPy numbers; a parameter that the graph never reached has gradient zero."""
    gradients = {k: np.zeros(p.shape) if p.grad is None else p.grad.numpy() for k, p in parameters.items()}
    return loss.item(), gradients, torch.stack(list(outputs)).detach().numpy()

"""A small recurrent network and a loop around it, right in every way but those that a test asks for."""

import torch

import gradcert

STEPS, SAMPLES = 8, 5


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.r = torch.nn.Linear(4, 6), torch.nn.Linear(6, 6, bias=False)
        self.o = torch.nn.Linear(6, 2)

    def forward(self, x, h):
        h = torch.tanh(self.i(x) + self.r(h))
        return self.o(h), h


def mean_square(outputs, target):
    return ((outputs - target) ** 2).mean()


def judged(
    folder, *, net=None, call=None, state=None, term=None, passes=1, share=1, after=None, done=None, seed=0, **options
):
    """Return what the watch says of one step of training.

    Parameters
    ----------
    call : (net, x, h) -> y, h. `state` : (step, h) -> what the next call is given.
    term : (y, h) -> what is added to the loss. `passes` : backward passes in a step. `share` : what each one's
        loss is divided by.
    after : (net, pass) -> nothing, after every backward. `done` : (net) -> nothing, after them all.
    """
    torch.manual_seed(seed)
    net = Net() if net is None else net
    options = {"rule": "bptt", **options}
    with gradcert.watch(net, every=1, folder=str(folder), **options) as watching:
        targets = []
        for number in range(passes):
            h, extra, outputs = torch.zeros(SAMPLES, 6), 0.0, []
            for step in range(STEPS):
                if state is not None:
                    h = state(step, h)
                y, h = (call or (lambda net, x, h: net(x, h)))(net, torch.randn(SAMPLES, 4), h)
                outputs.append(y)
                extra = extra + (0.0 if term is None else term(y, h))
            targets.append(torch.randn(STEPS, SAMPLES, 2))
            (mean_square(torch.stack(outputs), targets[-1]) / share + extra).backward()
            if after is not None:
                after(net, number)
        if done is not None:
            done(net)
        return watching.step(y=(targets if passes > 1 else targets[0]) if options.get("loss") else None)

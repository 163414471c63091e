"""The callback in Lightning's own trainer: it judges before the optimiser steps, writes its files, names a fault."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

pytestmark = pytest.mark.filterwarnings("ignore")  # of Lightning, about PyTorch's newest version and its own defaults
STEPS, BATCH, INPUTS, UNITS = 6, 4, 3, 5


class Scalars:
    def __init__(self):
        self.tags = []

    def add_scalar(self, tag, value, step):
        self.tags.append((tag, step))


def fitted(tmp_path, batches=3, accumulate=1, **options):
    """Train with Lightning; the loss of the module is the mean over samples of the last state's squared distance."""
    import lightning.pytorch as pl

    from gradcert.adapters.lightning import Watch

    class Model(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.RNNCell(INPUTS, UNITS)

        def training_step(self, batch, index):
            x, y = batch
            h = x.new_zeros(x.shape[0], UNITS)
            for t in range(STEPS):
                h = self.cell(x[:, t], h)
            return ((h - y) ** 2).sum() / len(y)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    torch.manual_seed(0)
    data = [(torch.randn(BATCH, STEPS, INPUTS), torch.randn(BATCH, UNITS)) for _ in range(batches)]
    watch = Watch(module=lambda model: model.cell, folder=str(tmp_path), **options)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accumulate_grad_batches=accumulate,
        callbacks=[watch],
        default_root_dir=str(tmp_path),
    )
    trainer.fit(Model(), torch.utils.data.DataLoader(data, batch_size=None))
    return watch.watching


@pytest.mark.long
def test_a_training_is_judged_and_written(tmp_path):
    page, record = tmp_path / "watch.html", tmp_path / "watch.json"
    found = fitted(tmp_path, rule="bptt", every=1, html=str(page), json=str(record))
    assert [j.verdict for j in found.judgements] == ["right"] * 3, found.report()
    assert "Right" in page.read_text() and len(json.loads(record.read_text())["judgements"]) == 3


@pytest.mark.long
def test_a_wrong_claim_is_named_and_batches_of_one_step_are_one(tmp_path):
    found = fitted(tmp_path, rule="sltt", every=1)
    assert found.judgements[0].verdict == "wrong" and "the gradients of" in found.judgements[0].cause
    several = fitted(tmp_path, batches=4, accumulate=2, rule="bptt", every=1)
    assert [j.verdict for j in several.judgements] == ["right"] * 2, several.report()


@pytest.mark.long
def test_a_given_loss_is_judged_too(tmp_path):
    def loss(outputs, y):
        return ((outputs[-1] - y) ** 2).sum()

    found = fitted(tmp_path, rule="bptt", every=2, loss=loss)
    assert found.judgements[0].cause == f"the claimed gradients divided by {BATCH}, the batch size"

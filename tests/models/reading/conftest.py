import pytest


@pytest.fixture(autouse=True)
def seeded():
    """The same weights and inputs on every run."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)

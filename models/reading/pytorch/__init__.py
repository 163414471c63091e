"""Reading a module of PyTorch: a step is recorded on real tensors, lowered to terms, and held against the module."""

"""What a wrong gradient is instead: a kind of mistake each file, and `named`, which asks them all."""

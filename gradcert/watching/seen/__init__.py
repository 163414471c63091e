"""What is seen of somebody's training while it runs: calls, results, hooks on the module, what a trainer applies."""

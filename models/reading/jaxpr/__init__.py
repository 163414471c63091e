"""The front end for JAX: one step is traced to a jaxpr, its equations become the nodes of a record.

`call` says how a step function is called, `trace` makes the record, `lower` says what primitives mean, `functions`
finds spikes among custom_jvp and custom_vjp, `jax_` runs and differentiates nodes, `check` compares with jax.grad.
"""

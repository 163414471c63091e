"""Which theorems of `gradcert.theorems` say for every size what a derivation proves at some: names only.

The theorems are checked by Coq (``gradcert theorems``); a test holds this table against their catalogue.
"""

GENERALISED: dict[str, tuple[str, ...]] = {
    "paths": (
        "Tape.forward_is_reverse",
        "Tape.forward_is_path_sum",
        "Tape.reverse_is_path_sum",
        "Tape.restriction",
        "Tape.two_rules",
        "Tape.rule_plus_residual",
        "Tape.residual_is_path_sum",
        "Tape.residual_of_a_cut",
        "Ages.window_is_path_sum",
        "Ages.window_forward_is_reverse",
        "Ages.window_plus_beyond",
        "Ages.beyond_is_path_sum",
        "Kept.rule_plus_residual",
        "Kept.residual_sweep",
        "Window.window_plus_beyond",
        "Window.window_sweep",
        "Window.window_exact",
        "Window.chunk_flow",
        "Derivative.reverse_is_derivative",
    ),
    "ostl": (
        "Tape.split_edges",
        "Tape.random_feedback",
        "Layer.reverse_is_gradient",
        "Layer.forward_is_gradient",
        "Layer.forward_is_reverse",
        "Kept.exact_rule",
        "Stack.ostl_exact",
        "Stack.ostl_two_layers",
        "StackTape.tape_is_ostl",
        "StackTape.tape_ostl_exact",
        "Derivative.trace_is_differential",
    ),
    "depth": (
        "Tape.rule_plus_residual",
        "Tape.residual_is_path_sum",
        "Stack.ostl_exact",
        "Stack.stack_forward",
        "Stack.stack_plus_residual",
        "Stack.ostl_two_layers",
        "StackTape.tape_is_stack",
        "StackTape.tape_is_gradient",
    ),
    "bounds": (
        "Norms.entriesM",
        "Bound.trace_bound",
        "Bound.window_bound",
        "Bound.rule_bound",
        "Bound.ostl_bound",
        "Bound.descent",
    ),
    "eprop": (
        "Tape.absent_edges",
        "Tape.projected_feedback",
        "Ottt.per_synapse_is_gradient",
    ),
    "ottt": (
        "Kept.rule_plus_residual",
        "Ottt.ottt_is_gradient",
        "Ottt.bias_is_gradient",
        "Ottt.per_synapse_is_gradient",
    ),
    "local": (
        "Tape.two_rules",
        "Tape.absent_edges",
        "Tape.projected_feedback",
    ),
    "osttp": (
        "Tape.absent_edges",
        "Tape.projected_feedback",
    ),
    "unbiased": (
        "Unbiased.uoro_unbiased",
        "Unbiased.kf_unbiased",
    ),
    "snap": (
        "Tape.restriction",
        "Tape.reach_is_exact",
    ),
    "fixedpoint": (
        "Lattice.value_multiple",
        "Lattice.lattice_exact",
    ),
}

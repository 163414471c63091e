"""Who else has a rule or a loss, and how it is called there: what was read, or found in a package.

Tests hold these tables: every rule has an entry, a dotted name is one of the release that is named, and a loss equals
the call that stands beside it, on numbers. A repository is an entry of docs/mathematics/16-sources.md, where the commit
stands that was read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One place that has a rule: a library or a repository, what is called there, what it is, where that is not all."""

    where: str
    call: str
    says: str = ""


NEST, BRAINTRACE, SPIKING = "NEST 3.10.0", "BrainTrace 0.2.6", "SpikingJelly 2.0.0"
SNNTORCH, NORSE, SLAX = "snnTorch 1.0.0", "Norse 1.1.0", "Slax 0.0.1"
RTRL, ONLINE = "omarschall/vanilla-rtrl", "spikingjelly.activation_based.learning.online_learning"
TIMIT = "Figure_2_TIMIT/solve_timit_with_framewise_lsnn.py"
NOWHERE = "No library that was looked at has this rule under a name of its own"

CALLS: dict[str, tuple[Call, ...] | str] = {
    "bptt": (
        Call("PyTorch", "`loss.backward()`", "after a loop over the steps, or `torch.nn.RNN`, `GRU`, `LSTM`"),
        Call("JAX", "`jax.grad`", "through `jax.lax.scan`"),
        Call(SPIKING, "spikingjelly.activation_based.neuron.LIFNode", "as it is by default, `detach_reset=False`"),
        Call(NORSE, "norse.torch.LIFBoxCell"),
        Call(SNNTORCH, "snntorch.Leaky", "only with `reset_delay=False`: its other resets are detached"),
    ),
    "rtrl": (
        Call(RTRL, "learning_algorithms/RTRL.py"),
        Call("IDSIA/rtrl-elstm", "diagnostic/rtrl_layers.py", "of element-wise recurrent units"),
        Call(SLAX, "slax.train.custom_learning.RTRL"),
        Call(BRAINTRACE, "braintrace.SnAp", "with `n` so large that every unit is reached: RTRL of each layer"),
        Call(SNNTORCH, "snntorch.backprop.RTRL", "another rule of this name: its `TBPTT` with `K=1`, one step back"),
    ),
    "bptt-detached-reset": (
        Call(SNNTORCH, "snntorch.Leaky", "and its other neurons, as they are by default, `reset_delay=True`"),
        Call(SPIKING, "spikingjelly.activation_based.neuron.LIFNode", "with `detach_reset=True`"),
    ),
    "tbptt": f"{NOWHERE}: what libraries call truncated is cut at fixed steps, `tbptt-chunks`.",
    "tbptt-chunks": (
        Call("PyTorch", "torch.Tensor.detach", "of the state, between the parts of a sequence"),
        Call("JAX", "jax.lax.stop_gradient", "the same"),
        Call(SPIKING, "spikingjelly.activation_based.functional.detach_net", "of all states, between the parts"),
        Call(SNNTORCH, "snntorch.backprop.TBPTT", "parts of `K` steps; the weights change after each of them"),
    ),
    "ostl": (
        Call("IBM/ostl", "Scripts/Neuron_models.py", "the authors' code"),
        Call(BRAINTRACE, "braintrace.OSTLRecurrent", "by name; what it computes is SnAp-1"),
        Call(SLAX, "slax.train.custom_learning.DenseOSTL"),
    ),
    "ostl-random": f"{NOWHERE}; BrainTrace's `OSTLRecurrent` has a `random_feedback_key`, not judged.",
    "osttp": f"{NOWHERE}, and no code of the authors was found.",
    "e-prop": (
        Call("IGITUGraz/eligibility_propagation", TIMIT, "the authors' code, `--eprop=symmetric`"),
        Call("ChFrenkel/eprop-PyTorch", "models.py"),
        Call(NEST, "`eprop_iaf`, `eprop_iaf_adapt`, `eprop_iaf_bsshslm_2020` and others", "with `eprop_synapse`"),
        Call(BRAINTRACE, "braintrace.EProp"),
    ),
    "e-prop-random": (
        Call("IGITUGraz/eligibility_propagation", TIMIT, "the authors' code, `--eprop=random`"),
        Call(NEST, "`eprop_learning_signal_connection`", "its weights are the feedback, and need not be the readout's"),
        Call(BRAINTRACE, "braintrace.EProp", "with `feedback='random'` and a `random_feedback_key`"),
    ),
    "e-prop-adaptive": (Call("IGITUGraz/eligibility_propagation", TIMIT, "the authors' code, `--eprop=adaptive`"),),
    "ottt": (
        Call("pkuxmq/OTTT-SNN", "modules/neuron.py", "the authors' code; what it computes is `ottt-code`"),
        Call(
            SPIKING,
            "spikingjelly.activation_based.neuron.OTTTLIFNode",
            "with `OTTTSequential` and `ottt_online_training`",
        ),
        Call(SLAX, "slax.train.custom_learning.OTTT"),
    ),
    "sltt": (
        Call("qymeng94/SLTT", "train_SLTT.py", "the authors' code"),
        Call(SPIKING, "spikingjelly.activation_based.neuron.SLTTLIFNode"),
        Call(BRAINTRACE, "braintrace.OSTLFeedforward", "with a decay of 0"),
    ),
    "rflo": (Call(RTRL, "learning_algorithms/RFLO.py"),),
    "snap-1": (
        Call(BRAINTRACE, "braintrace.SnAp", "with `n=1`; also `braintrace.OSTLRecurrent`"),
        Call("Yangjunjie-Lin/rtrl-snap-reproduction", "src/rtrl_snap/algorithms/snap.py"),
    ),
    "snap-2": (
        Call(
            BRAINTRACE, "braintrace.SnAp", "with `n=2`; where every unit feeds every other one it is RTRL of the layer"
        ),
        Call("Yangjunjie-Lin/rtrl-snap-reproduction", "src/rtrl_snap/algorithms/snap.py"),
    ),
    "decolle": (Call("nmi-lab/decolle-public", "decolle/base_model.py", "the authors' code"),),
    "uoro": (
        Call(BRAINTRACE, "braintrace.UORO", "judged in the mean over its draws, as `bptt` of the class `unbiased`"),
        Call(RTRL, "learning_algorithms/UORO.py"),
    ),
    "kf-rtrl": (Call(RTRL, "learning_algorithms/KF_RTRL.py"),),
    "otpe": (
        Call("Intelligent-Microsystems-Lab/OTPE", "OTPE.py", "the authors' code"),
        Call(SLAX, "slax.train.custom_learning.DenseOTPE"),
    ),
    "s-tllr": (Call("mapolinario94/S-TLLR", "models/layers", "the authors' code"),),
    "ndot": f"{NOWHERE}, and the repository of the authors could not be had.",
    "ottt-code": (
        Call("pkuxmq/OTTT-SNN", "modules/neuron.py", "the authors' code"),
        Call(SPIKING, "spikingjelly.activation_based.layer.OTTTSequential", "inputs and biases without a trace, too"),
    ),
    "sltt-k": (Call("qymeng94/SLTT", "train_SLTTK.py", "the authors' code"),),
    "opzo": f"{NOWHERE}, and no code of the authors was found.",
    "rate-based": (Call("Tab-ct/rate-based-backpropagation", "model/layer.py", "the authors' code"),),
    "etlp": f"{NOWHERE}, and no code of the authors was found.",
    "tess": (Call("mapolinario94/TESS", "models/layers", "the authors' code"),),
    "eventprop": (
        Call(
            NORSE,
            "norse.torch.functional.adjoint.lif_adjoint.lif_feed_forward_adjoint_step",
            "judged as `bptt`, which it is not",
        ),
    ),
    "es-d-rtrl": (Call(BRAINTRACE, "braintrace.ES_D_RTRL", "the same as `braintrace.pp_prop`; the authors' code"),),
    "rows": (
        Call(
            SPIKING,
            "spikingjelly.activation_based.layer.OTTTSequential",
            "has no trace for inputs and biases: `ottt + untraced input + untraced bias`",
        ),
    ),
    "fptt": (
        Call("anilkagak2/FPTT", "train.py", "the authors' code"),
        Call("byin-cwi/sFPTT", "fptt/fptt_mnist", "spiking networks"),
        Call(SPIKING, f"{ONLINE}.fptt_online_training"),
        Call(SLAX, "slax.train.utils.FPTT"),
    ),
    "update-per-step": (
        Call(SPIKING, f"{ONLINE}.ottt_online_training", "with `online=True`"),
        Call(SNNTORCH, "snntorch.backprop.TBPTT", "with `K=1`, whose gradient is that of one step"),
    ),
    "update-per-sequence": (
        Call(SPIKING, f"{ONLINE}.ottt_online_training", "with `online=False`"),
        Call("PyTorch", "torch.optim.SGD", "one `step()` after a `backward()` over the sequence"),
    ),
}


@dataclass(frozen=True)
class Loss:
    """A loss of a library, called with outputs ``o`` (steps, samples, outputs) and labels ``y``, as a loss of a claim.

    `claimed` are the words of a loss, `times` is by what its value has to be multiplied; the targets of a claim are the
    labels as one-hot vectors, but for what `targets` says: ``real`` are numbers of the outputs' shape.
    """

    call: str
    claimed: dict[str, str]
    times: str = "1"
    targets: str = "labels"


LOSSES = (
    Loss("torch.nn.MSELoss()(o, y)", {"time": "mean", "batch": "mean", "outputs": "mean"}, "2", "real"),
    Loss("torch.nn.MSELoss()(o[-1], y[-1])", {"when": "last", "batch": "mean", "outputs": "mean"}, "2", "real"),
    Loss("torch.nn.CrossEntropyLoss()(o[-1], y)", {"kind": "cross_entropy", "when": "last", "batch": "mean"}),
    Loss(
        "torch.nn.CrossEntropyLoss()(o.flatten(0, 1), y.repeat(T))",
        {"kind": "cross_entropy", "time": "mean", "batch": "mean"},
    ),
    Loss(
        "torch.nn.BCEWithLogitsLoss()(o, y)",
        {"kind": "bernoulli", "time": "mean", "batch": "mean", "outputs": "mean"},
        targets="real",
    ),
    Loss("snntorch.functional.ce_rate_loss()(o, y)", {"kind": "cross_entropy", "time": "mean", "batch": "mean"}),
    Loss("snntorch.functional.ce_count_loss()(o, y)", {"kind": "cross_entropy", "when": "sum", "batch": "mean"}),
    Loss(
        "snntorch.functional.ce_max_membrane_loss()(o, y)",
        {"kind": "cross_entropy", "when": "max", "batch": "mean", "node": "v"},
    ),
    Loss(
        "snntorch.functional.mse_count_loss()(o, y)",
        {"when": "sum", "batch": "mean", "outputs": "mean"},
        "2 / T",
        "T for the class, 0 for others",
    ),
    Loss(
        "snntorch.functional.mse_membrane_loss()(o, y)",
        {"time": "mean", "batch": "mean", "outputs": "mean", "node": "v"},
        "2",
    ),
    Loss(
        "spikingjelly.activation_based.functional.temporal_efficient_training_cross_entropy(o, y)",
        {"kind": "cross_entropy", "time": "mean", "batch": "mean"},
    ),
)

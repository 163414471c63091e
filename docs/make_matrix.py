"""Write ``docs/matrix.md`` and the certificates that it links to, by running every subject.

    python docs/make_matrix.py                  # about twenty minutes; needs `make peers`
    python docs/make_matrix.py two_states       # subjects that contain a word; the others keep their certificates

A row is a class of a library at the version that it was asked at; a column is a claim. An empty cell was not asked. The
page is made of the certificates alone.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES, CERTIFICATES = HERE.parent / "examples", HERE / "certificates"
OWN = sys.executable
PEERS = {name: HERE.parent / f".venv-peers-{name}" / "bin" / "python" for name in ("torch", "jax", "nest")}
NO_RESET = "bptt-detached-reset"
PROFILE = "default"


@dataclass(frozen=True)
class Row:
    """A class of a library: its distribution, the environment it lives in, and a subject for every rule asked."""

    library: str
    name: str
    environment: str
    asked: tuple[tuple[str, str], ...]  # (rule, subject)
    finding: str  # the replay of what is found, in examples/findings; "" for none


def row(library, name, environment, subject, *rules, finding=""):
    """One subject asked for several rules."""
    return Row(library, name, environment, tuple((rule, subject) for rule in rules), finding)


def nest(name, subject, rule="e-prop", finding=""):
    """A neuron, or an option, of NEST."""
    return row("nest-simulator", name, "nest", subject, rule, finding=finding)


STATES, QIF, ADJOINT = "snntorch_two_states.py", "spikingjelly_qif.py", "norse_adjoint.py"
FPTT, LAPICQUE = "spikingjelly_fptt", "snntorch_lapicque"
INTERVALS, SPIKES = "nest_eprop_2020.py", "nest_eprop.py"
LEAKY, LIF = "snntorch_leaky.py:gradients", "spikingjelly_lif.py:gradients"
TRACE = "braintrace_rules.py"
ROWS = (
    row("torch", "nn.RNN (tanh)", "torch", "torch_rnn.py:gradients", "bptt", "ostl"),
    row("torch", "nn.LSTM", "torch", "torch_lstm.py:gradients", "bptt", "ostl"),
    row("torch", "nn.GRU", "torch", "torch_gru.py:gradients", "bptt", "ostl"),
    row("snntorch", "Leaky", "torch", LEAKY, "bptt", NO_RESET),
    row("snntorch", "Leaky, firing at the threshold, as documented", "torch", f"{LEAKY}_as_documented", NO_RESET),
    row("snntorch", "Leaky, learn_beta, learn_threshold", "torch", f"{LEAKY}_trained", "bptt", NO_RESET),
    row("snntorch", "Leaky, float64 (own surrogate)", "torch", f"{LEAKY}_float64", "bptt", NO_RESET),
    row("snntorch", "RLeaky", "torch", "snntorch_rleaky.py:gradients", "bptt", NO_RESET),
    row("snntorch", "RLeaky, reset to zero", "torch", "snntorch_rleaky.py:gradients_zero", "bptt", NO_RESET),
    row("snntorch", "Synaptic", "torch", "snntorch_two_states.py:synaptic", "bptt", NO_RESET),
    row("snntorch", "RSynaptic", "torch", f"{STATES}:rsynaptic", "bptt", NO_RESET),
    row("snntorch", "Alpha", "torch", f"{STATES}:alpha_zero", "bptt", NO_RESET),
    row("snntorch", 'Alpha, reset "subtract"', "torch", f"{STATES}:alpha_subtract", NO_RESET),
    row("snntorch", "Lapicque, R and C", "torch", f"{STATES}:lapicque_circuit", "bptt", NO_RESET),
    row("snntorch", "Lapicque, beta as documented", "torch", f"{STATES}:lapicque_beta", NO_RESET, finding=LAPICQUE),
    row("snntorch", "SLSTM, inputs unlike units", "torch", "snntorch_two_states.py:slstm", NO_RESET),
    row("norse", "LIFBoxCell, surrogate as documented", "torch", "norse_lif.py:gradients", "bptt"),
    row("norse", "LIFBoxCell", "torch", "norse_lif.py:gradients_as_computed", "bptt", NO_RESET),
    row("norse", "LIFCell", "torch", "norse_two_states.py:lif", "bptt", NO_RESET),
    row("norse", "LICell", "torch", "norse_two_states.py:li", "bptt"),
    row("norse", "LSNNRecurrentCell", "torch", "norse_two_states.py:lsnn", "bptt", NO_RESET),
    row("norse", "lif_feed_forward_step_sparse", "torch", f"{ADJOINT}:sparse", "bptt", finding="norse_sparse"),
    row("norse", "lif_feed_forward_adjoint_step", "torch", f"{ADJOINT}:adjoint", "bptt", finding="norse_adjoint"),
    row("norse", "the same, sparse", "torch", f"{ADJOINT}:adjoint_sparse", "bptt", finding="norse_adjoint"),
    row("spikingjelly", "LIFNode", "torch", LIF, "bptt", NO_RESET),
    row("spikingjelly", "LIFNode, float32", "torch", f"{LIF}_float32", "bptt"),
    row("spikingjelly", "LIFNode, detach_reset", "torch", f"{LIF}_detached", "bptt", NO_RESET),
    row("spikingjelly", "ParametricLIFNode", "torch", f"{LIF}_parametric", "bptt"),
    row("spikingjelly", "QIFNode, v_reset", "torch", f"{QIF}:gradients", "bptt", NO_RESET),
    row("spikingjelly", "QIFNode, v_reset, detach_reset", "torch", f"{QIF}:gradients_detached", NO_RESET),
    row("spikingjelly", "fptt_online_training", "torch", "spikingjelly_fptt.py:weights", "fptt", finding=FPTT),
    row("spikingjelly", "OTTTLIFNode in OTTTSequential", "torch", "spikingjelly_ottt.py:gradients", "ottt"),
    row("spikingjelly", "the same, traced input, no bias", "torch", "spikingjelly_ottt.py:gradients_traced", "ottt"),
    row("spikingjelly", "SLTTLIFNode", "torch", "spikingjelly_sltt.py:gradients", "sltt"),
    row("jax", "grad through scan", "jax", "jax_rnn.py:gradients", "bptt", "ostl"),
    row("spyx", "nn.LIF", "jax", "spyx_lif.py:gradients_as_is", "bptt"),
    row("spyx", "nn.LIF, its delay taken out", "jax", "spyx_lif.py:gradients", "bptt"),
    row("braintrace", "OSTLRecurrent, one layer", "jax", f"{TRACE}:ostl", "ostl", "snap-1"),
    row("braintrace", "OSTLFeedforward", "jax", f"{TRACE}:ostl_feedforward", "sltt"),
    row("braintrace", "OSTLFeedforward, decay 0", "jax", f"{TRACE}:ostl_feedforward_zero", "sltt"),
    row("braintrace", "EProp", "jax", f"{TRACE}:e_prop", "e-prop"),
    row("braintrace", "D_RTRL", "jax", f"{TRACE}:d_rtrl", "e-prop"),
    row("braintrace", "SnAp, n=1", "jax", f"{TRACE}:snap_1", "snap-1"),
    row("braintrace", "SnAp, n=2, dense lateral weights", "jax", f"{TRACE}:snap", "ostl"),
    row("braintrace", "UORO, one layer, the mean over its draws", "jax", f"{TRACE}:uoro", "bptt"),
    nest("eprop_iaf_bsshslm_2020", f"{INTERVALS}:iaf"),
    nest("the same, cross_entropy", f"{INTERVALS}:classification"),
    nest("the same, refractory", f"{INTERVALS}:refractory"),
    nest("the same, average_gradient", f"{INTERVALS}:averaged"),
    nest("the same, random feedback", f"{INTERVALS}:random", "e-prop-random"),
    nest("eprop_iaf_adapt_bsshslm_2020", f"{INTERVALS}:adaptive"),
    nest("the same, refractory, with the regulariser of rates", f"{INTERVALS}:regularised"),
    nest("inputs in the second step of an interval", f"{INTERVALS}:second_step", finding="nest_first_steps"),
    nest("inputs in the first step of an interval", f"{INTERVALS}:first_step", finding="nest_first_steps"),
    nest("the readout's default, regular_spike_arrival", f"{INTERVALS}:default_readout", finding="nest_readout_gain"),
    nest("average_gradient with the regulariser", f"{INTERVALS}:averaged_regulariser", finding="nest_rate"),
    nest("t_ref as documented", f"{INTERVALS}:documented_refractory", finding="nest_refractory"),
    nest("piecewise_linear as documented", f"{INTERVALS}:documented_triangle", finding="nest_surrogates"),
    nest("arctan_derivative as documented", f"{INTERVALS}:documented_atan", finding="nest_surrogates"),
    nest("eprop_iaf", f"{SPIKES}:iaf"),
    nest("the same, refractory", f"{SPIKES}:refractory"),
    nest("the same, random feedback", f"{SPIKES}:random", "e-prop-random"),
    nest("eprop_iaf_adapt, refractory", f"{SPIKES}:adaptive"),
    nest("eprop_iaf_psc_delta, its reset out of the trace", f"{SPIKES}:hard_reset"),
    nest("eprop_iaf_psc_delta", f"{SPIKES}:hard_reset_of_the_state", finding="nest_hard_reset"),
    nest("eprop_iaf, reset as documented", f"{SPIKES}:documented_reset", finding="nest_reset"),
)
COLUMNS = ("bptt", NO_RESET, "ostl", "snap-1", "e-prop", "e-prop-random", "ottt", "sltt", "fptt")


def path_of(subject, rule):
    """Where a certificate is kept."""
    return CERTIFICATES / f"{subject.replace('.py:', '-')}-{rule}.json"


def run(task):
    """Certify one subject for one rule and keep the certificate."""
    environment, subject, rule = task
    path = path_of(subject, rule)
    command = [OWN, "-m", "gradcert", "certify", subject, "--rule", rule, "--profile", PROFILE]
    command += ["--certificate", str(path), "--run", "--no-repair"]
    command += ["--timeout", "120"]  # a first call may compile
    if PEERS[environment].is_file():  # relative: it is printed as part of what replays a counterexample
        command += ["--python", os.path.relpath(PEERS[environment], EXAMPLES)]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True)
    print(f"{done.returncode}  {subject}  {rule}", file=sys.stderr, flush=True)
    if done.returncode not in (0, 1, 3):
        print(done.stderr[-2000:], file=sys.stderr)


def version(r):
    """Return the version of a row's library that its certificates name; several, where they were not run together."""
    paths = [path_of(subject, rule) for rule, subject in r.asked]
    records = [json.loads(path.read_text()) for path in paths if path.is_file()]
    return ", ".join(sorted({record["sources"]["packages"][r.library] for record in records})) or "not run"


def cell(subject, rule):
    """Return a verdict as a link to its certificate, and, for a refuted claim, what it is instead."""
    path = path_of(subject, rule)
    if not path.is_file():
        return "not run", ""
    record = json.loads(path.read_text())
    reason = record["reason"] if record["verdict"] != "certified" else ""
    if (small := record.get("counterexample")) is not None:
        size = small["size"]
        reason += f"; seen with sizes {'-'.join(map(str, size['widths']))}, T = {size['steps']}, B = {size['batch']}"
    return f"[{record['verdict']}](certificates/{path.name})", reason


def page():
    """Return the page."""
    lines = [
        "# What libraries compute",
        "",
        f"Generated by `python docs/make_matrix.py` (profile {PROFILE}, seed 0); verdicts link to their certificates.",
        "One archive has [the subjects, their certificates, and the versions that they ran with](../examples);",
        "[how to run one again](howto/certificate.md#running-it-again).",
        "A claim that is refuted is no defect by itself: a library that detaches its resets does not claim full BPTT.",
        "What contradicts a library's own documentation is in [findings.md](findings.md).",
        "",
        f"| library | class | {' | '.join(COLUMNS)} |",
        f"|---|---|{'---|' * len(COLUMNS)}",
    ]
    reasons = []
    for r in ROWS:
        asked = {rule: cell(subject, rule) for rule, subject in r.asked}
        cells = " | ".join(asked[c][0] if c in asked else "" for c in COLUMNS)
        source = f"[{r.name}](../examples/{r.asked[0][1].partition(':')[0]})"
        lines.append(f"| {r.library} {version(r)} | {source} | {cells} |")
        more = f" By hand: [{r.finding}.py](../examples/findings/{r.finding}.py)." if r.finding else ""
        reasons += [f"* {r.library} {r.name}, asked for {c}: {why}.{more}" for c, (_, why) in asked.items() if why]
    lines += ["", "## What the refuted ones are instead", ""]
    lines += [
        "Each with the size of the smallest counterexample; its numbers are in the certificate.",
        "",
        *reasons,
        "",
    ]
    lines += [
        "UORO's claim is of the class `unbiased`: the mean over its draws is the gradient, at the error rate that its",
        "certificate states. BrainTrace's rules are judged on stacks of `rnn` and `leaky_rnn` cells written with its",
        "own traced linear maps. NEST's gradients are read from the change of its weights (`examples/nest_parts.py`).",
        "",
    ]
    return "\n".join(lines)


def main(words):
    """Run what was asked for, and write the page."""
    CERTIFICATES.mkdir(exist_ok=True)
    tasks = [(r.environment, subject, rule) for r in ROWS for rule, subject in r.asked]
    tasks = [task for task in tasks if not words or any(word in task[1] for word in words)]
    for task in tasks:
        run(task)
    (HERE / "matrix.md").write_text(page())


if __name__ == "__main__":
    main(sys.argv[1:])

"""The laws that gradients obey, one per file. `LAWS` is the registry; adding a law is adding a file and a row."""

from gradcert.properties.law import Law
from gradcert.properties.laws import (
    affine,
    arguments,
    batch_order,
    batch_sum,
    begins,
    bias_column,
    bounds,
    causality,
    chain,
    enumeration,
    extreme,
    float32,
    fresh_start,
    given_row,
    gru_biases,
    input_scale,
    learner,
    loss_steps,
    masks_of_ones,
    memory,
    one_layer,
    one_step,
    own_rule,
    padded_steps,
    padding,
    permutation,
    prefix,
    reduction,
    registers,
    repeatable,
    residual,
    row,
    shift,
    sparse,
    split,
    stopped,
    twins,
    unbiased,
    zero_loss,
)

_FILES = (
    *(row, given_row, one_layer, stopped, twins, one_step, gru_biases, own_rule),
    *(residual, bounds),
    *(affine, reduction, batch_sum, batch_order, loss_steps, zero_loss),
    *(permutation, padding, shift, input_scale, bias_column),
    *(padded_steps, begins, masks_of_ones),
    *(chain, registers, split, sparse),
    *(learner, causality, prefix, fresh_start, memory),
    *(repeatable, arguments, extreme, float32),
    *(enumeration, unbiased),
)

LAWS: dict[str, Law] = {file.LAW.name: file.LAW for file in _FILES}

__all__ = ["LAWS"]

#!/bin/sh
# Environments for third-party libraries whose pins exclude each other, or ours: .venv-peers-NAME, one for each argument
# (torch, jax), all of them without one. Nothing of gradcert is installed there: a subject is judged through
#
#     gradcert certify examples/norse_lif.py:gradients --python .venv-peers-torch/bin/python
#
# PYTHON: the interpreter that makes them (3.11). WHERE: the folder that they are made in.
set -eu

PYTHON=${PYTHON:-python3.11}
WHERE=${WHERE:-.}
TORCH='torch==2.13.0'

environment() { # environment NAME: create it once
    [ -x "$WHERE/.venv-peers-$1/bin/python" ] || "$PYTHON" -m venv "$WHERE/.venv-peers-$1"
}

install() { # install NAME REQUIREMENT...
    name=$1
    shift
    "$WHERE/.venv-peers-$name/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
}

for name in "${@:-all}"; do
    case $name in
    torch | all)
        environment torch
        # torch alone and first: its pin decides the rest. norse and spikingjelly ask for torchvision, which nothing
        # here needs and whose default build brings CUDA with it: hence --no-deps, and their true needs by hand.
        install torch "$TORCH"
        install torch "$TORCH" snntorch==1.0.0 nir==1.0.8 nirtorch==2.6 \
            loguru tqdm matplotlib tensorboard SciencePlots requests
        install torch --no-deps norse==1.1.0 spikingjelly==2.0.0
        ;;
    esac
    case $name in
    jax | all)
        environment jax
        install jax jax==0.10.2 braintrace==0.2.6 flax optax grain jax_tqdm nir==1.0.8
        install jax --no-deps spyx==1.0.0
        ;;
    esac
    case $name in
    torch | jax | all) ;;
    *) echo "peers: no environment is called $name; there are torch and jax" >&2 && exit 2 ;;
    esac
done

#!/bin/sh
# Environments for third-party libraries whose pins exclude each other, or ours: .venv-peers-NAME, one for each argument
# (torch, jax, nest), all of them without one. Nothing of gradcert is installed there: a subject is judged through
#
#     gradcert certify examples/norse_lif.py:gradients --python .venv-peers-torch/bin/python
#
# What is in them is pinned in peers/NAME.txt.
#
# PYTHON: the interpreter that makes them (3.11). WHERE: the folder that they are made in.
set -eu

PYTHON=${PYTHON:-python3.11}
WHERE=${WHERE:-.}
HERE=$(dirname "$0")
TORCH='torch==2.13.0'

environment() { # environment NAME: create it once
    [ -x "$WHERE/.venv-peers-$1/bin/python" ] || "$PYTHON" -m venv "$WHERE/.venv-peers-$1"
}

install() { # install NAME REQUIREMENT...
    name=$1
    shift
    "$WHERE/.venv-peers-$name/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
}

for wanted in "${@:-all}"; do
    case $wanted in
    torch | all)
        environment torch
        install torch "$TORCH" # alone and first, with its own requirements: they depend on the build (CPU, CUDA)
        install torch --no-deps -r "$HERE/peers/torch.txt"
        ;;
    esac
    case $wanted in
    jax | all)
        environment jax
        install jax --no-deps -r "$HERE/peers/jax.txt"
        ;;
    esac
    case $wanted in
    nest | all)
        environment nest
        install nest --no-deps -r "$HERE/peers/nest.txt"
        ;;
    esac
    case $wanted in
    torch | jax | nest | all) ;;
    *) echo "peers: no environment is called $wanted; there are torch, jax and nest" >&2 && exit 2 ;;
    esac
done

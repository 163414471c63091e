#!/usr/bin/env bash
# Install a wheel or an sdist with one interpreter, in an environment and a folder of their own, and try it there:
# smoke.sh PYTHON FILE. Says how large the installed core is; more than 160 MB is a failure.
set -euo pipefail
python=$1
file=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$python" -m venv env
before=$(du -sm env | cut -f1)
env/bin/python -m pip install --disable-pip-version-check --quiet "$file"
size=$(($(du -sm env | cut -f1) - before))
env/bin/python -m pip install --disable-pip-version-check --quiet pytest
export PATH="$folder/env/bin:$PATH" OMP_NUM_THREADS=1
python - <<'PY'
import gradcert

assert "site-packages" in gradcert.__file__, gradcert.__file__
assert {"certify", "cases", "subject_tests", "reference"} <= set(dir(gradcert))
PY
gradcert --version
gradcert --help >/dev/null
gradcert rules --json >/dev/null
gradcert init >/dev/null
gradcert certify tests/gradient_subjects.py:gradients --certificate c.json --html c.html --badge c.svg >out
grep -q CERTIFIED out
gradcert verify c.json --run >/dev/null
pytest -q tests/test_gradients.py --gradcert-profile quick >/dev/null
sed -i 's/(1 - z\[t + 1\] \*\* 2)/(1 + z[t + 1] ** 2)/' tests/gradient_subjects.py
status=0
gradcert certify tests/gradient_subjects.py:gradients --profile quick >out || status=$?
[ "$status" -eq 1 ]
grep -q REFUTED out
echo "$(basename "$file") with $("$python" --version): installs and works; $size MB"
[ "$size" -le 160 ]

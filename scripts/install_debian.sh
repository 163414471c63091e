#!/usr/bin/env bash
# Install the Debian packages that some tests and reports use: simulators and synthesis for the hardware models, a
# browser and node for the HTML reports, Coq and OCaml for the theorems. Only what is missing, only as root. What cannot
# be installed is a warning, because nothing of the core needs it; with CI=true it is an error, because there a silent
# skip would hide a test. With the argument "theorems": only what the theorems need.
set -euo pipefail

declare -A package=([coqc]=coq [ocamlfind]=ocaml-findlib [ocamlopt]=ocaml) # command -> package that brings it
declare -A file=( # a file, where no command tells -> package that brings it
  [/usr/lib/ocaml/coq/user-contrib/mathcomp/analysis/derive.vo]=libcoq-mathcomp-analysis
  [/usr/lib/ocaml/coq/user-contrib/Flocq/Core/Core.vo]=libcoq-flocq
  [/usr/lib/ocaml/zarith/zarith.cmxa]=libzarith-ocaml-dev
)
if [ "${1:-}" != theorems ]; then
  package+=([iverilog]=iverilog [verilator]=verilator [yosys]=yosys [chromium]=chromium [node]=nodejs)
  file+=([/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf]=fonts-dejavu-core)
fi

missing=()
for command in "${!package[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
for path in "${!file[@]}"; do
  [ -e "$path" ] || missing+=("${file[$path]}")
done

fail() {
  echo "debian: $1; without: ${missing[*]}" >&2
  [ "${CI:-}" = true ] && exit 1
  echo "debian: going on without them; what needs them says so" >&2
  exit 0
}

[ ${#missing[@]} -eq 0 ] && { echo "debian: nothing is missing"; exit 0; }
command -v apt-get >/dev/null || fail "this is not a Debian system"
[ "$(id -u)" -eq 0 ] || fail "not root (as root: make debian)"

export DEBIAN_FRONTEND=noninteractive
options=(-qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
echo "debian: installing ${missing[*]}"
apt-get "${options[@]}" update || fail "apt-get update failed"
apt-get "${options[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null || fail "apt-get install failed"

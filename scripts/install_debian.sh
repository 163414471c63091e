#!/usr/bin/env bash
# Install the Debian packages that some tests and reports use: simulators and synthesis for the hardware models, a
# browser and node for the HTML reports. Only what is missing, only as root. What cannot be installed is a warning,
# because nothing of the core needs it; with CI=true it is an error, because there a silent skip would hide a test.
set -euo pipefail

declare -A package=( # command -> Debian package that brings it
  [iverilog]=iverilog [verilator]=verilator [yosys]=yosys [chromium]=chromium [node]=nodejs
)

missing=()
for command in "${!package[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
compgen -G '/usr/share/fonts/truetype/dejavu/*.ttf' >/dev/null || missing+=(fonts-dejavu-core)

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

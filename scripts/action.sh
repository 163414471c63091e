#!/usr/bin/env bash
# What the step of action.yml runs: SUBJECTS (one a line) are judged in PROFILE, files go to OUTPUT, and the status is
# that of the worst: an error of ours before usage, before refuted, before inconclusive, before certified.
set -uo pipefail
mkdir -p "$OUTPUT"
worst=0
number=0
rank() { case "$1" in 0) echo 0 ;; 3) echo 1 ;; 1) echo 2 ;; 2) echo 3 ;; *) echo 4 ;; esac; }
while IFS= read -r line; do
    read -r -a words <<<"$line"
    [ "${#words[@]}" -eq 0 ] && continue
    number=$((number + 1))
    name="$OUTPUT/$number-$(printf '%s' "${words[0]}" | tr -c 'A-Za-z0-9._-' '_')"
    gradcert certify --profile "$PROFILE" --github --certificate "$name.json" --html "$name.html" \
        --junit "$name.xml" --badge "$name.svg" "${words[@]}"
    status=$?
    [ "$(rank "$status")" -gt "$(rank "$worst")" ] && worst=$status
done <<<"$SUBJECTS"
if [ "$number" -eq 0 ]; then
    echo "::error title=gradcert::no subject is named"
    worst=2
fi
[ -n "${GITHUB_OUTPUT:-}" ] && echo "status=$worst" >>"$GITHUB_OUTPUT"
exit "$worst"

#!/usr/bin/env bash
# What the step of action.yml runs: SUBJECTS (one a line, in words and quotes as a shell has them; nothing is evaluated)
# are judged in PROFILE, files go to OUTPUT, and the status is that of the worst: an error of ours before usage, before
# refuted, before inconclusive, before certified. Empty lines are skipped, and those that begin with #.
set -uo pipefail
mkdir -p "$OUTPUT"
worst=0
number=0
rank() { case "$1" in 0) echo 0 ;; 3) echo 1 ;; 1) echo 2 ;; 2) echo 3 ;; *) echo 4 ;; esac; }
usage() { # a sentence on a subject that gradcert is not asked about
    echo "::error title=gradcert::${1//%/%25}"
    [ -n "${GITHUB_STEP_SUMMARY:-}" ] && printf '### ⛔ nothing was judged\n\n    %s\n\n' "$1" >>"$GITHUB_STEP_SUMMARY"
    return 2
}
split='import shlex, sys; sys.stdout.write("".join(word + "\0" for word in shlex.split(sys.argv[1])))'
while IFS= read -r line; do
    [[ "$line" =~ ^[[:space:]]*(#|$) ]] && continue
    number=$((number + 1))
    words=()
    while IFS= read -r -d '' word; do words+=("$word"); done < <(python3 -c "$split" "$line" 2>/dev/null)
    if [ "${#words[@]}" -eq 0 ]; then
        usage "a quote or a backslash is left open: $line"
    else
        name="$OUTPUT/$number-$(printf '%s' "${words[0]}" | tr -c 'A-Za-z0-9._-' '_')"
        gradcert certify --profile "$PROFILE" --github --certificate "$name.json" --html "$name.html" \
            --junit "$name.xml" --badge "$name.svg" "${words[@]}"
    fi
    status=$?
    [ "$(rank "$status")" -gt "$(rank "$worst")" ] && worst=$status
done <<<"$SUBJECTS"
if [ "$number" -eq 0 ]; then
    usage "no subject is named"
    worst=$?
fi
[ -n "${GITHUB_OUTPUT:-}" ] && echo "status=$worst" >>"$GITHUB_OUTPUT"
exit "$worst"

#!/usr/bin/env bash
# Finds habits of language that make text hard to read, in comments, documentation and messages:
#
#   "is no time span"        write "is not a duration"
#   "so many", "the own"     name the number; name the owner
#   "Who sends too fast is"  name the subject: "a sender that exceeds the limit is"
#   /// Which.               say what the item is or does
#   lines of *.rs over 100 columns
#
# Without an argument it fails when there are more such places than LEFT, a number that only shrinks.
# `tests/support/english.sh show [PATH]` prints each place.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8

LEFT=315
# Words of the log that administrators search for.
CONTRACTS='a file that is no message was moved to quarantine'

places() {
  git ls-files -co --exclude-standard -- '*.rs' '*.md' ':!crates/journal' | while read -r file; do [ ! -f "$file" ] || echo "$file"; done | {
    mapfile -t files
    grep -nPH '(?<!there )(?<!There )\bis no (?!longer\b|larger\b|more than\b|such\b)' "${files[@]}" || true
    grep -nPHi '\b(so many|the own)\b' "${files[@]}" || true
    grep -nPH '(^\s*(//[/!]? )?|[.;:] )[Ww]ho (?!(is|was|are|were|may|can|has|had|does|did)\b.*\?)[a-z]+(s|ed)\b(?!.*\?)' "${files[@]}" || true
    # One word alone: the line before is not a comment.
    awk 'FNR == 1 { before = "" } /^ *\/\/\/ [[:alnum:]_]+\.$/ && before !~ /^ *\/\// { print FILENAME ":" FNR ":" $0 }
      { before = $0 }' "${files[@]}"
    printf '%s\n' "${files[@]}" | grep '\.rs$' | xargs grep -nPH '^.{101,}' || true
  } | grep -v "$CONTRACTS" | sort -u
}

if [ "${1:-}" = show ]; then
  places | grep "^${2:-}"
  exit 0
fi
found=$(places | wc -l)
if [ "$found" -gt "$LEFT" ]; then
  echo "$found places with habits of language, $LEFT known; tests/support/english.sh show [PATH] prints them"
  exit 1
fi

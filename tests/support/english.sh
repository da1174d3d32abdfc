#!/usr/bin/env bash
# Finds habits of language that make text hard to read, in comments, documentation and messages:
#
#   "is no time span"        write "is not a duration"
#   "so many", "the own"     name the number; name the owner
#   "if it goes on"           write "if this continues"; also "does without", "words say why", "whoever runs"
#   "Who sends too fast is"  name the subject: "a sender that exceeds the limit is"
#   /// Which.               say what the item is or does
#   lines of *.rs over 100 columns, unless they have a word that is too long to wrap
#
# Without an argument it fails when an area has more such places than LEFT says; the numbers only shrink.
# `tests/support/english.sh show [PATH]` prints each place.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8

# What is left of each area; everything else is clean.
LEFT="
crates/core 15
src/oauth 3
src/queue 23
src/spool 5
src/upstream 2
"
# Words of the log that administrators search for.
CONTRACTS='a file that is no message was moved to quarantine'

places() {
  git ls-files -co --exclude-standard -- '*.rs' '*.md' ':!crates/journal' | while read -r file; do [ ! -f "$file" ] || echo "$file"; done | {
    mapfile -t files
    grep -nPH '(?<!there )(?<!There )\bis no (?!longer\b|larger\b|more than\b|such\b)' "${files[@]}" || true
    grep -nPHi '\b(so many|the own|if it goes on|does without|words say|whoever runs|tell a double)\b' "${files[@]}" || true
    grep -nPH '(^\s*(//[/!]? )?|[.;:] )[Ww]ho (?!(is|was|are|were|may|can|has|had|does|did)\b.*\?)[a-z]+(s|ed)\b(?!.*\?)' "${files[@]}" || true
    # One word alone: the line before is not a comment.
    awk 'FNR == 1 { before = "" } /^ *\/\/\/ [[:alnum:]_]+\.$/ && before !~ /^ *\/\// { print FILENAME ":" FNR ":" $0 }
      { before = $0 }' "${files[@]}"
    printf '%s\n' "${files[@]}" | grep '\.rs$' | xargs grep -nPH '^(?!.*[^ ]{60}).{101,}' || true
  } | { grep -v "$CONTRACTS" || true; } | sort -u
}

if [ "${1:-}" = show ]; then
  places | grep "^${2:-}"
  exit 0
fi
# The first folder below src or crates, or the first folder.
area() { sed -E 's#^(src/[a-z_]+|crates/[a-z]+|[A-Za-z]+)[/.:].*#\1#'; }

places | area | sort | uniq -c | {
  failed=0
  while read -r count name; do
    left=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$LEFT")
    if [ "$count" -gt "${left:-0}" ]; then
      echo "$name: $count habits of language, ${left:-0} known; tests/support/english.sh show $name prints them"
      failed=1
    fi
  done
  exit $failed
}

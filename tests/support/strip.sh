#!/usr/bin/env bash
# strip.sh PROGRAM: moves the symbols of a program into PROGRAM.debug, where a debugger finds them.
# Without objcopy (package binutils) the program stays as it is.
set -euo pipefail
if ! command -v objcopy >/dev/null; then
  echo "objcopy is missing: $1 keeps its symbols" >&2
  exit 0
fi
objcopy --only-keep-debug "$1" "$1.debug"
objcopy --strip-all --add-gnu-debuglink="$1.debug" "$1"
ls -l --block-size=M "$1" "$1.debug"

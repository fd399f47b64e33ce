#!/usr/bin/env bash
# clang-tidy (.clang-tidy) over src/*.c; fails on any finding.   tidy.sh CACHE COMPILER-FLAG...
# CACHE is a folder that remembers which texts had no fault, so that a second run looks only at what
# has changed.
set -u
cd "$(dirname "$0")/../.." || exit
source tests/lint/tools.sh
need clang-tidy 14
cache=$1
shift
mkdir -p "$cache" || exit
settings=$(clang-tidy --version | cat - .clang-tidy)
defines=(-D_GNU_SOURCE -DBD_PATH=baseline -DBD_HAS_X86_PATHS
  '-DBARYDEF_PYTHON_FROM_PROGRAM="python"')

# One process for each file, so that a crash of the tool names the file.  model.h redefines what
# error.c defines.
tidy() {
  local file=$1 known
  shift
  [ "$file" = src/error.c ] && set -- "$@" -DBD_LINT_NO_MODEL
  # Comments stay in the text: NOLINT is one.
  known=$cache/$({ echo "$settings $file $*" && cc -E -C "$@" "$file"; } 2>/dev/null | sha256sum)
  known=${known%% *}
  [ -e "$known" ] && return
  said=$(clang-tidy --quiet "$file" -- "$@" 2>&1) && { : >"$known"; return; }
  echo "$said" | grep -vE '^[0-9]+ warnings?( treated as errors?| generated\.?)$'
  echo "$file: clang-tidy finds fault"
  return 1
}
export -f tidy
export cache settings
find src -name '*.c' -print0 | sort -z | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy "$@"' - {} \
  -std=c11 "${defines[@]}" -Iinclude -Isrc -include tests/lint/model.h "$@"

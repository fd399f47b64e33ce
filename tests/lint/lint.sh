#!/usr/bin/env bash
# clang-tidy (.clang-tidy) and cppcheck over src/*.c; fails on any finding.   lint.sh COMPILER-FLAG...
set -u
cd "$(dirname "$0")/../.."
for tool in clang-tidy cppcheck; do command -v $tool >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 77; }; done
defines=(-D_GNU_SOURCE -DBD_PATH=baseline -DBD_HAS_X86_PATHS)

# One process a file, so that a crash of the tool names it.  model.h redefines what error.c defines.
tidy() {
  file=$1; shift
  [ "$file" = src/error.c ] && set -- "$@" -DBD_LINT_NO_MODEL
  said=$(clang-tidy --quiet "$file" -- "$@" 2>&1) && return
  echo "$said" | grep -vE '^[0-9]+ warnings?( treated as errors?| generated\.?)$'
  echo "$file: clang-tidy finds fault"
  return 1
}
export -f tidy
status=0
# The numerics know no MPI, no HDF5 and no job.
if grep -rnE '^ *# *include' src/transport |
  grep -vE 'include ("(transport/|number\.h)|<barydef/(api|baseline|error|marginal|solver|tables)\.h>|<(ctype|float|limits|math|std[a-z]+|string|fftw3|immintrin)\.h>)'; then
  echo "src/transport includes what the numerics must not know"
  status=1
fi
find src -name '*.c' -print0 | sort -z |
  xargs -0 -P "$(nproc)" -I{} bash -c 'tidy "$@"' - {} -std=c11 "${defines[@]}" -Iinclude -Isrc -include tests/lint/model.h "$@" || status=1
cppcheck --std=c11 --enable=warning,style,performance,portability --inline-suppr --suppressions-list=tests/lint/cppcheck.supp \
  --quiet --error-exitcode=1 -j "$(nproc)" "${defines[@]}" -D__x86_64__ -Iinclude -Isrc src || status=1
exit $status

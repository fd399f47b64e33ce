#!/usr/bin/env bash
# clang-format over C and C++ and black over Python; fails on any finding.
set -u
cd "$(dirname "$0")/../.."
source tests/lint/tools.sh
need clang-format 14
need black 23
status=0
find src include tests \( -name '*.[ch]' -o -name '*.cpp' \) -print0 |
  xargs -0 clang-format --dry-run -Werror || status=1
black --quiet --check -l 100 tests analysis || {
  black --check -l 100 tests analysis 2>&1 | grep '^would reformat'
  status=1
}
exit $status

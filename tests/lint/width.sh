#!/usr/bin/env bash
# No line of more than 100 columns in the sources and tests; names those that are longer.
cd "$(dirname "$0")/../.." || exit
export LC_ALL=C.UTF-8 # a character counts once, whatever its bytes
! grep -rnE '^.{101,}$' src include tests analysis \
  --include='*.[ch]' --include='*.cpp' --include='*.py' --include='*.sh' --include='*.def'

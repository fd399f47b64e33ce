#!/usr/bin/env bash
# Install what is missing, build, and run every test: on two idle cores some fourteen minutes.
#
#   run.sh [--long] [--no-install] [ctest's arguments]
#
# --long also runs what the tests leave out and name in lines that begin with REDUCED.  It takes
# hours.  --no-install goes on with what is there.  Tests whose tool is missing say so and are
# skipped.
set -eu
long= install=yes
while :; do
  case ${1-} in
    --long)
      export BARYDEF_LONG=1
      long="--timeout 36000"
      ;;
    --no-install) install=no ;;
    *) break ;;
  esac
  shift
done
lists="packages.txt packages-test.txt"
source "$(dirname "$0")/../cmake/setup.sh"
cd "$BARYDEF_SOURCE"
# shellcheck disable=SC2086
exec ctest --preset release $long "$@"

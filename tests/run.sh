#!/usr/bin/env bash
# Install what is missing, build, and run every test: on two idle cores some twelve minutes.
#
#   run.sh [--long] [ctest's arguments]
#
# --long also runs what the tests leave out and name in lines that begin with REDUCED.  It takes
# hours.
set -eu
long=
if [ "${1:-}" = --long ]; then
  export BARYDEF_LONG=1
  long="--timeout 36000"
  shift
fi
source "$(dirname "$0")/../cmake/setup.sh"
cd "$BARYDEF_SOURCE"
# shellcheck disable=SC2086
exec ctest --preset release $long "$@"

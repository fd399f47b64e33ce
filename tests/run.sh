#!/usr/bin/env bash
# Install what is missing, build, and run every test; arguments go to ctest.
source "$(dirname "$0")/../cmake/setup.sh"
cd "$BARYDEF_SOURCE"
exec ctest --preset release "$@"

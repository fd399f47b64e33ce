#!/usr/bin/env bash
# Install what is missing, build, purify the demo set on 2 ranks and print the accuracies.
source "$(dirname "$0")/../cmake/setup.sh"
mpirun -n 2 barydef run "$BARYDEF_SOURCE/jobs/demo.ini" --overwrite

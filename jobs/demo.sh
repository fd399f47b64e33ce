#!/usr/bin/env bash
# Install what is missing, build, purify the demo set on 2 ranks and print the accuracies:
# the paper's setting, then a run whose kernel is applied by FFTW.
source "$(dirname "$0")/../cmake/setup.sh"
for job in demo demo-fftw; do
  printf '\n%s (jobs/%s.ini)\n\n' "$(sed -n '1s/^# //p' "$BARYDEF_SOURCE/jobs/$job.ini")" "$job"
  mpirun -n 2 barydef run "$BARYDEF_SOURCE/jobs/$job.ini" --overwrite
done

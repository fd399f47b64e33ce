#!/usr/bin/env bash
# Install what is missing, build, purify the demo set on 2 ranks and print the accuracies: a run whose
# kernel is applied by FFTW, a sweep over gamma, and the paper's setting; with a report of the sweep.
source "$(dirname "$0")/../cmake/setup.sh"
for job in demo-fftw demo-sweep demo; do
  printf '\n%s (jobs/%s.ini)\n\n' "$(sed -n '1s/^# //p' "$BARYDEF_SOURCE/jobs/$job.ini")" "$job"
  mpirun -n 2 barydef run "$BARYDEF_SOURCE/jobs/$job.ini" --set output.file="$BARYDEF_BUILD/$job-result.h5" --overwrite
done
printf '\nreport: '
OMP_NUM_THREADS=1 /usr/bin/python3 "$BARYDEF_SOURCE/analysis" report "$BARYDEF_BUILD/demo-sweep-result.h5"

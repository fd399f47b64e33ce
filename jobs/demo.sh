#!/usr/bin/env bash
# Install what is missing, build, purify the demo set on 2 ranks and print the accuracies.  The jobs
# are a kernel applied by FFTW, the paper's setting, and a sweep over gamma, of which there is a
# report.
source "$(dirname "$0")/../cmake/setup.sh"
jobs=$BARYDEF_SOURCE/jobs
for job in demo-fftw demo demo-sweep; do
  printf '\n%s (jobs/%s.ini)\n\n' "$(sed -n '1s/^# //p' "$jobs/$job.ini")" "$job"
  mpirun -n 2 barydef run "$jobs/$job.ini" --overwrite \
    --set output.file="$BARYDEF_BUILD/$job-result.h5"
done
report=$(OMP_NUM_THREADS=1 barydef report "$BARYDEF_BUILD/demo-sweep-result.h5" \
  --victim "$jobs/demo/victim.pt")
table=$(cat "${report%/*}/runs.md")
printf '\n%s\n\nreport of this sweep: %s\n' "$table" "$report"

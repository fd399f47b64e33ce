#!/usr/bin/env bash
# Install what is missing, build, purify the demo set on 2 ranks and print the accuracies: a run whose
# kernel is applied by FFTW, the paper's setting, and a sweep over gamma, of which there is a report.
source "$(dirname "$0")/../cmake/setup.sh"
for job in demo-fftw demo demo-sweep; do
  printf '\n%s (jobs/%s.ini)\n\n' "$(sed -n '1s/^# //p' "$BARYDEF_SOURCE/jobs/$job.ini")" "$job"
  mpirun -n 2 barydef run "$BARYDEF_SOURCE/jobs/$job.ini" --set output.file="$BARYDEF_BUILD/$job-result.h5" --overwrite
done
report=$(OMP_NUM_THREADS=1 /usr/bin/python3 "$BARYDEF_SOURCE/analysis" report "$BARYDEF_BUILD/demo-sweep-result.h5" --victim "$BARYDEF_SOURCE/jobs/demo/victim.pt")
table=$(cat "${report%/*}/runs.md")
printf '\n%s\n\nreport of this sweep: %s\n' "$table" "$report"

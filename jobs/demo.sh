#!/usr/bin/env bash
# Install what is missing, build, purify the demo set on 2 ranks and print the accuracies.  The jobs
# are a kernel applied by FFTW, the paper's setting, and a sweep over gamma, of which there is a
# report.
#
#   demo.sh [--no-install]
#
# Without root or sudo, without apt-get, or with --no-install, it goes on with what is there.
case "$# ${1-}" in
  "0 ") ;;
  "1 --no-install") install=no ;;
  *) echo "demo.sh: only --no-install may stand here" >&2; exit 2 ;;
esac
target=product
source "$(dirname "$0")/../cmake/setup.sh"
jobs=$BARYDEF_SOURCE/jobs
mpirun="mpirun -n 2"
command -v mpirun >/dev/null || { mpirun= && echo "one rank, as there is no mpirun"; }
# shellcheck disable=SC2086
for job in demo-fftw demo demo-sweep; do
  printf '\n%s (jobs/%s.ini)\n\n' "$(sed -n '1s/^# //p' "$jobs/$job.ini")" "$job"
  $mpirun barydef run "$jobs/$job.ini" --overwrite \
    --set output.file="$BARYDEF_BUILD/$job-result.h5"
done

# Where everything is installed there is a report with heat maps, or something is wrong.
python=${BARYDEF_PYTHON:-/usr/bin/python3}
imports() { [ -z "$BARYDEF_MISSING" ] || "$python" -c "import $1" 2>/dev/null; }
imports "h5py, matplotlib" || {
  printf '\nno report of this sweep, as %s has no h5py and matplotlib\n' "$python"
  exit
}
victim=(--victim "$jobs/demo/victim.pt")
imports torch || {
  victim=()
  printf '\nno heat maps in the report, as %s has no torch\n' "$python"
}
report=$(OMP_NUM_THREADS=1 barydef report "$BARYDEF_BUILD/demo-sweep-result.h5" "${victim[@]}")
runs=${report%/*}/runs.md
if [ -z "$BARYDEF_MISSING" ] || [ -e "$runs" ]; then
  table=$(cat "$runs")
  printf '\n%s\n' "$table"
fi # without libtorch there are no accuracies, and so no table
printf '\nreport of this sweep: %s\n' "$report"

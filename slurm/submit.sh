#!/usr/bin/env bash
# Submit a job file with the settings of settings.sh:
#
#   submit.sh run    JOB.ini RESULT.h5              one job
#   submit.sh sweep  JOB.ini RESULT.h5              one job over many nodes
#   submit.sh array  JOB.ini RESULT.h5 PARTS        a job array, merged afterwards
#   ... -- OPTION...                                options for sbatch of the run itself
#
# Each is followed by a report that waits for it.  Prints the numbers of the jobs; cancelling
# the first cancels what waits for it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/settings.sh"
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }

[ $# -ge 3 ] || usage
kind=$1 job=$(realpath "$2") result=$(realpath -m "$3")
shift 3
parts=
if [ "$kind" = array ]; then parts=${1:?how many parts}; shift; fi
if [ "${1:-}" = -- ]; then shift; elif [ $# -gt 0 ]; then usage; fi

submit() { sbatch --parsable "${SBATCH_OPTIONS[@]}" "$@" | cut -d';' -f1; }
# A job that waits for one that failed is cancelled, not left in the queue.
after() { submit --dependency="afterok:$1" --kill-on-invalid-dep=yes "${@:2}"; }

case $kind in
  run | sweep) last=$(submit "$@" "$here/$kind.sbatch" "$job" --set "output.file=$result"); echo "$kind: job $last" ;;
  array)
    first=$(submit --array="1-$parts" "$@" "$here/array.sbatch" "$job" "$result" "$parts")
    last=$(after "$first" "$here/merge.sbatch" "$result" "$parts")
    echo "array: job $first, merged by job $last" ;;
  *) usage ;;
esac
# The heat maps are of the victim that this job file names, and has just run.
report=$(after "$last" "$here/report.sbatch" "$result" --use-victim-of-result)
echo "report: job $report"

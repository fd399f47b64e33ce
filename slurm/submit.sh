#!/usr/bin/env bash
# Submit a job file with the settings of settings.sh:
#
#   submit.sh run    JOB.ini RESULT.h5              one job on one node
#   submit.sh sweep  JOB.ini RESULT.h5              a sweep as one job over many nodes
#   submit.sh array  JOB.ini RESULT.h5 PARTS        a sweep as a job array, merged afterwards
#   ... --set SECTION.KEY=VALUE...                  as for barydef run
#   ... -- OPTION...                                options for sbatch of the run alone
#   submit.sh -h | --help                           this text
#
# A report follows each of them and waits for it.  The numbers of the jobs are printed.  Where you
# cancel the first, those that wait for it are cancelled.  Submitted again, it goes on, or finds
# everything done.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }
refuse() { echo "submit.sh: $1" >&2; exit 2; }
for word; do
  case $word in --) break ;; -h | --help) usage; exit ;; esac
done
[ $# -ge 1 ] || { usage >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
source "$here/settings.sh"
set -euo pipefail # not before: what loads modules may use names that are not set

case $1 in run | sweep | array) ;; *) refuse "\"$1\" is none of run, sweep, array" ;; esac
[ $# -ge 3 ] || refuse "$1: give a job file and a result"
[ -f "$2" ] || refuse "$2: no such job file"
kind=$1 job=$(realpath "$2") result=$(realpath -m "$3")
shift 3
parts= sets=() part=()
if [ "$kind" = array ]; then
  [[ ${1:-} =~ ^[1-9][0-9]*$ ]] ||
    refuse "array: how many parts? submit.sh array JOB.ini RESULT.h5 PARTS"
  parts=$1 part=(--part "$1/$1")
  shift
fi
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    --set)
      [ $# -ge 2 ] || refuse "--set: SECTION.KEY=VALUE is missing"
      sets+=(--set "$2")
      shift 2
      ;;
    --set=*) sets+=("$1"); shift ;;
    *) refuse "$1: only --set SECTION.KEY=VALUE may come here, and options for sbatch after --" ;;
  esac
done

# A program that only the nodes have is named by its path.
command -v "$BARYDEF" >/dev/null || [[ $BARYDEF == */* ]] ||
  refuse "$BARYDEF is not in PATH: set BARYDEF in $here/settings.sh, or load its modules there"

# What barydef will refuse is refused now, not after the queue: an unknown key, a missing input,
# more parts than points.  Nothing is written.  Where barydef cannot start on this host, the job
# will tell.
status=0
said=$("$BARYDEF" run "$job" "${sets[@]}" --set "output.file=$result" "${part[@]}" \
  --overwrite --dry-run --quiet 2>&1) || status=$?
case $status in
  0) ;;
  2) refuse "$said" ;;
  126 | 127)
    echo "submit.sh: not checked on this host, where the program does not start:" \
      "${said#*: line *: }" >&2
    echo "submit.sh: if the nodes do not have it either, cancel the jobs, and set BARYDEF in" \
      "$here/settings.sh, or load its modules there" >&2 ;;
  *) echo "submit.sh: not checked on this host: $BARYDEF ends with $status: $said" >&2 ;;
esac

submit() { sbatch --parsable "${SBATCH_OPTIONS[@]}" "$@" | cut -d';' -f1; }
# One task that waits for a job.  Where that failed, the task is cancelled, not left in the queue.
after() {
  submit --nodes=1 --ntasks=1 --dependency="afterok:$1" --kill-on-invalid-dep=yes "${@:2}"
}

case $kind in
  run | sweep)
    last=$(submit "${RUN_OPTIONS[@]}" "$@" "$here/$kind.sbatch" "$job" "${sets[@]}" \
      --set "output.file=$result")
    echo "$kind: job $last" ;;
  array)
    first=$(submit --array="1-$parts" "${RUN_OPTIONS[@]}" "$@" "$here/array.sbatch" \
      "$job" "$result" "$parts" "${sets[@]}")
    last=$(after "$first" "${MERGE_OPTIONS[@]}" "$here/merge.sbatch" "$result" "$parts")
    echo "array: job $first, merged by job $last" ;;
esac
# The heat maps are of the victim that this job names and has just run.
report=$(after "$last" "${REPORT_OPTIONS[@]}" "$here/report.sbatch" "$result" \
  --use-victim-of-result)
echo "report: job $report"

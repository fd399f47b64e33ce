# Start barydef on all ranks of the job and hand signals on to them.  Put the job back into the
# queue where its time is over before its work is.  The batch scripts source this file.

ranks= asked= asking= time_is_over=${time_is_over:-}
# Ask the ranks to stop, again and again until they have ended.  A signal that comes before they are
# up is lost in the launcher.
ask() {
  asked=1
  if [ -n "$ranks" ] && [ -z "$asking" ]; then
    while kill -USR1 "$ranks"; do sleep "$STOP_SECONDS"; done 2>/dev/null &
    asking=$!
  fi
}
# These traps stand here, not in launch, since a signal may come before that.  USR1 is what --signal
# sends before the limit; the launchers hand it to every rank.
trap 'time_is_over=1; ask' USR1
# TERM (scancel, preemption) becomes USR1 too, since on TERM mpirun hides the exit status.
trap ask TERM

source "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

# A rank has one thread, since barydef's parallelism is its ranks.
export OMP_NUM_THREADS=1

# launch run ARGUMENT...: start barydef with these arguments under srun or mpirun.  Ends the script.
launch() {
  local status deaf=()
  # The ranks of a job that was cancelled or preempted may still be at their last blocks.  SLURM
  # leaves them KillWait, 30 s.
  set -- "$1" --set run.wait="$WAIT_SECONDS" "${@:2}"
  # A job that was put back into the queue believes the marks of what is done.  Checking terabytes
  # anew could last from one time limit to the next, and nothing would be computed.  report.sbatch
  # checks all in the end.  A --set run.verify=all of yours wins.
  [ "${SLURM_RESTART_COUNT:-0}" = 0 ] || set -- "$1" --set run.verify=marks "${@:2}"
  case $BARYDEF_LAUNCHER in
    srun) srun "${SRUN_OPTIONS[@]}" "$BARYDEF" "$@" & ;;
    mpirun)
      # scancel sends TERM to every process of the job, and mpirun would drop what its ranks still
      # say.  So mpirun blocks TERM.  The ranks hear it, since mpirun unblocks signals for them.
      # The env of coreutils before 8.31 cannot do this.
      env --block-signal=TERM true 2>/dev/null && deaf=(env --block-signal=TERM)
      "${deaf[@]}" "${MPIRUN[@]}" "$BARYDEF" "$@" & ;;
  esac
  ranks=$!
  [ -z "$asked$time_is_over" ] || ask
  # wait returns early, with more than 128, when a signal comes.
  while wait "$ranks"; status=$?; [ "$status" -gt 128 ] && kill -0 "$ranks" 2>/dev/null; do :; done
  if [ "$status" -gt 128 ]; then
    local late
    wait "$ranks" 2>/dev/null
    late=$?
    [ "$late" = 127 ] || status=$late # 127: its status has been told already
  fi
  [ -z "$asking" ] || kill "$asking" 2>/dev/null
  # A process that is asked before it can hear dies of that very signal (138 = 128 + USR1).
  [ "$status" = 138 ] && [ -n "$asked" ] && status=75
  # A rank that cannot hear, because it waits for a disk, is killed by its launcher when the others
  # have ended.
  [ "$status" = 137 ] && [ -n "$time_is_over" ] && status=75
  if [ "$status" = 75 ] && [ -n "$time_is_over" ]; then
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "$RESTARTS_MAX" ]; then
      echo "launch.sh: not put back into the queue: restarted $SLURM_RESTART_COUNT times" >&2
      exit 75
    fi
    local job=$SLURM_JOB_ID
    [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    echo "launch.sh: back into the queue"
    trap '' USR1
    trap - TERM
    scontrol requeue "$job" && sleep 60 # SLURM ends this script meanwhile
  elif [ "$status" = 75 ]; then
    echo "launch.sh: stopped, but not by the time limit of the job (a signal, or" \
      "run.max_minutes): submitted again, it goes on" >&2
  fi
  if [ "$status" = 3 ]; then
    echo "launch.sh: some images failed; the result is whole, and jobs that wait for it may start"
    status=0
  fi
  exit "$status"
}

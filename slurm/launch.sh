# Sourced by the batch scripts: starts barydef on all ranks of the job, hands signals on, and
# puts the job back into the queue when its time is over before the work is.

# sbatch runs a copy of the script: where the templates are, SLURM knows.
templates=$(dirname "$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=\([^ ]*\).*/\1/p' | head -n 1)")
source "$templates/settings.sh"

# One thread a rank: barydef's parallelism is its ranks.
export OMP_NUM_THREADS=1
# mpirun that is told to end waits so many seconds, sends TERM to the ranks, waits again, and
# kills them: twice this should be less than SLURM's KillWait (30 s unless configured).
export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout:-5}
# SLURM 22.05's default way of meeting over PMIx lets MPI_Init crash now and then.
export SLURM_PMIX_FENCE=${SLURM_PMIX_FENCE:-ring}

# launch ARGUMENT...: barydef with these, under srun or mpirun.  Ends the script.
launch() {
  local status time_is_over=
  case $BARYDEF_LAUNCHER in
    srun) srun --mpi=pmix "$BARYDEF" "$@" & ;;
    mpirun) mpirun "$BARYDEF" "$@" & ;;
    *) echo "settings.sh: BARYDEF_LAUNCHER is srun or mpirun" >&2; exit 2 ;;
  esac
  local ranks=$!
  # USR1 is what --signal sends before the limit; both launchers hand it to every rank.
  trap 'time_is_over=1; kill -USR1 $ranks' USR1
  # TERM (scancel, preemption) as USR1 too: on TERM mpirun would hide the exit status.
  trap 'kill -USR1 $ranks' TERM
  # wait returns early, with more than 128, when a signal comes.
  while wait "$ranks"; status=$?; [ "$status" -gt 128 ] && kill -0 "$ranks" 2>/dev/null; do :; done
  if [ "$status" -gt 128 ]; then
    local late
    wait "$ranks" 2>/dev/null
    late=$?
    [ "$late" = 127 ] || status=$late # 127: its status was told already
  fi
  if [ "$status" = 75 ] && [ -n "$time_is_over" ]; then
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "$RESTARTS_MAX" ]; then
      echo "launch.sh: not put back into the queue: restarted ${SLURM_RESTART_COUNT} times already" >&2
      exit 75
    fi
    local job=$SLURM_JOB_ID
    [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    echo "launch.sh: back into the queue"
    scontrol requeue "$job"
    sleep 60 # SLURM ends this script meanwhile
  fi
  if [ "$status" = 3 ]; then
    echo "launch.sh: some images failed; the result is whole, and jobs that wait for it may start"
    status=0
  fi
  exit "$status"
}

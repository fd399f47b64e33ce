# The one place to edit for your cluster.  submit.sh reads it and, on the node, launch.sh.

# The program: a path, or a name that is found after the modules below are loaded.
BARYDEF=${BARYDEF:-barydef}

# What starts the ranks: srun, through PMIx, or mpirun.
BARYDEF_LAUNCHER=${BARYDEF_LAUNCHER:-srun}

# How srun and Open MPI find each other here.  "srun --mpi=list" shows what there is.
SRUN_OPTIONS=(--mpi=pmix)

# What a job needs before it starts, perhaps:
# module load openmpi hdf5 fftw

# Options for every job that submit.sh submits.  They win over the #SBATCH lines.
SBATCH_OPTIONS=(
  # --partition=standard
  # --account=my-project
)

# More options: for the run (or sweep, or each task of an array), for the merge of an array, and for
# the report.  The last two are one task each, whatever stands above.
RUN_OPTIONS=(
  # --ntasks=64 --time=08:00:00
)
MERGE_OPTIONS=(
  # --time=02:00:00
)
REPORT_OPTIONS=(
  # --mem=8G
)

# For the figures of report.sbatch: a Python with h5py and matplotlib.
export BARYDEF_PYTHON=${BARYDEF_PYTHON:-/usr/bin/python3}

# Ranks that were told to stop and have not ended after so many seconds are told again, and end at
# once.  Their blocks are computed again later.  Take less than --signal leaves, 120 s, or the limit
# comes before the requeue.
STOP_SECONDS=${STOP_SECONDS:-60}

# So many seconds a job waits for the ranks of an earlier one that still write its result.  Take a
# little more than SLURM's KillWait.
WAIT_SECONDS=${WAIT_SECONDS:-60}

# A job that keeps meeting its time limit goes back into the queue at most so often.
RESTARTS_MAX=${RESTARTS_MAX:-50}

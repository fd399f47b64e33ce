# The one place to edit for your cluster; read by submit.sh and, on the node, by launch.sh.

# barydef itself: a path, or a name found after the modules below are loaded.
BARYDEF=${BARYDEF:-barydef}

# Who starts the ranks: srun (through PMIx) or mpirun.
BARYDEF_LAUNCHER=${BARYDEF_LAUNCHER:-srun}

# What a job needs before it starts, on your cluster perhaps:
# module load openmpi hdf5 fftw

# Options for every job that submit.sh submits; they win over the #SBATCH lines.
SBATCH_OPTIONS=(
  # --partition=standard
  # --account=my-project
)

# A job that keeps meeting its time limit is put back into the queue at most so often.
RESTARTS_MAX=${RESTARTS_MAX:-50}

# The one place to edit for your cluster.  submit.sh reads it and, on the node, the batch scripts.

# What a job needs before it starts.  "module avail" lists the names of your cluster.  Load the MPI
# that barydef was built with.  A batch script is no login shell, so its function "module" may have
# to be made first, as the first line does with Environment Modules.  Lmod has another file there,
# such as /etc/profile.d/lmod.sh.
# type module >/dev/null 2>&1 || source /etc/profile.d/modules.sh
# module purge
# module load openmpi/4.1 hdf5/1.14 fftw/3.3

# The program: a path, or a name that is found after the modules above are loaded.  An installed or
# unpacked tree has it beside this folder.
# BARYDEF=$HOME/barydef/build/barydef
if [ -z "${BARYDEF:-}" ]; then
  BARYDEF=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
  case $BARYDEF in
    */share/barydef/slurm) BARYDEF=${BARYDEF%/share/barydef/slurm}/bin/barydef ;;
    *) BARYDEF=barydef ;;
  esac
fi

# What starts the ranks: srun or mpirun.  Take mpirun where srun has no interface for your MPI;
# "srun --mpi=list" lists the interfaces that it has.
BARYDEF_LAUNCHER=${BARYDEF_LAUNCHER:-srun}
case $BARYDEF_LAUNCHER in
  srun | mpirun) ;;
  *) echo "settings.sh: BARYDEF_LAUNCHER is srun or mpirun" >&2; exit 2 ;;
esac

# The MPI that barydef was built with, as "barydef --version" tells: openmpi4, openmpi5 or mpich.
BARYDEF_MPI=${BARYDEF_MPI:-openmpi4}

# What the MPI decides: the options by which srun and MPI meet, how mpirun is called, and variables
# of MPI.
case $BARYDEF_MPI in
  openmpi4)
    SRUN_OPTIONS=(--mpi=pmix)
    MPIRUN=(mpirun)
    # A daemon of mpirun that is told to end waits so many seconds, sends TERM to its ranks, waits
    # again, and kills them.  Twice this should be less than SLURM's KillWait, 30 s unless
    # configured.
    export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout:-5} ;;
  openmpi5)
    SRUN_OPTIONS=(--mpi=pmix)
    MPIRUN=(mpirun)
    # Its mpirun is PRRTE, which kills its ranks 0.3 s after it told them to end, whatever is set,
    # and has names of its own.  This one lets it start more ranks than there are cores.  Without
    # "slot" it starts all of them on the first node.
    # export PRTE_MCA_rmaps_default_mapping_policy=slot:OVERSUBSCRIBE
    ;;
  mpich)
    # An MPICH that was built with PMIx takes --mpi=pmix, and Cray's takes --mpi=cray_shasta.  The
    # mpiexec of Debian's MPICH is called mpiexec.mpich.
    SRUN_OPTIONS=(--mpi=pmi2)
    MPIRUN=(mpiexec) ;;
  *) echo "settings.sh: BARYDEF_MPI is openmpi4, openmpi5 or mpich" >&2; exit 2 ;;
esac
# The default way of SLURM 22.05 to meet over PMIx lets MPI_Init crash now and then.
export SLURM_PMIX_FENCE=${SLURM_PMIX_FENCE:-ring}

# Options for every job that submit.sh submits.  They win over the #SBATCH lines.
SBATCH_OPTIONS=(
  # --partition=standard
  # --account=my-project
)

# More options: for the run (or sweep, or each task of an array), for the merge of an array, and for
# the report.  The last two are one task each, whatever stands above.
RUN_OPTIONS=(
  # --ntasks=64 --time=08:00:00           of run and array: ranks on one node
  # --nodes=4 --ntasks-per-node=64        of sweep: nodes, and ranks on each
)
MERGE_OPTIONS=(
  # --time=02:00:00
)
REPORT_OPTIONS=(
  # --mem=8G
)

# What to set on Lustre and NFS stands in docs/cluster.md, "Lustre and NFS".

# For the figures of report.sbatch: a Python with h5py and matplotlib.  Unless you name one, it is
# the python3 that the modules above put first, or else /usr/bin/python3.
# export BARYDEF_PYTHON=/path/to/python3

# Ranks that were told to stop and have not ended after so many seconds are told again, and then
# end at once.  Their blocks are computed again later.  Take less than --signal leaves, 120 s, or
# the limit comes before the requeue.
STOP_SECONDS=${STOP_SECONDS:-60}

# A job waits so many seconds for the ranks of an earlier one that still write its result.  Take a
# little more than SLURM's KillWait.
WAIT_SECONDS=${WAIT_SECONDS:-60}

# A job that keeps meeting its time limit goes back into the queue at most so often.
RESTARTS_MAX=${RESTARTS_MAX:-50}

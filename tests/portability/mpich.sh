#!/usr/bin/env bash
# Build barydef with MPICH and compare its results with those of a build with Open MPI.
#
#   mpich.sh [--program BARYDEF] [FOLDER]
#
# FOLDER (default: build/mpich) gets the build and the results.  BARYDEF (default: build/barydef)
# is the program of a build with Open MPI.  Both purify the demo's jobs and
# tests/portability/sweep.ini on two ranks.  Every dataset must be the same bit by bit.
#
# Needs the packages of cmake/packages*.txt, mpich and libmpich-dev among them, and no root.
set -eu
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=$tree/build/barydef
usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
}
folder=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit ;;
    --program) program=$(readlink -f "$2"); shift 2 ;;
    -*) usage >&2; exit 2 ;;
    *) folder=$1; shift ;;
  esac
done
folder=${folder:-$tree/build/mpich}
mkdir -p "$folder"
folder=$(readlink -f "$folder")
for tool in mpicc.mpich mpiexec.mpich; do
  command -v $tool >/dev/null || { echo "$tool is not installed" >&2; exit 77; }
done
# A batch system around this would be taken for the one that starts the ranks.
for name in ${!SLURM_@}; do unset "$name"; done

echo "building with MPICH in $folder/build"
cmake -S "$tree" -B "$folder/build" -Wno-dev -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DBARYDEF_WERROR=ON -DBUILD_TESTING=OFF -DMPI_C_COMPILER="$(command -v mpicc.mpich)" \
  -DMPIEXEC_EXECUTABLE="$(command -v mpiexec.mpich)" >"$folder/log" ||
  { cat "$folder/log"; exit 1; }
cmake --build "$folder/build" -j "$(nproc)" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$folder/build/barydef" --version | grep MPICH
"$program" --version | grep 'Open MPI'

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
same=solver.instructions=auto
run_jobs "$tree" "$folder/with-mpich" $same mpiexec.mpich -n 2 "$folder/build/barydef"
run_jobs "$tree" "$folder/with-open-mpi" $same mpirun -n 2 "$program"
compare_jobs "$tree" "$folder/with-mpich" "$folder/with-open-mpi"

#!/usr/bin/env bash
# Build, run and test barydef on Debian 13: HDF5 1.14, Open MPI 5, libtorch 2.6 and gcc 14.
#
#   debian13.sh [--long-only] [--root FOLDER] [--program BARYDEF] [CTEST'S ARGUMENTS]
#
# As root, some two hours on two idle cores, and 8 GiB.  FOLDER (default: build/debian13) becomes
# the root of a Debian 13 with the packages of cmake/packages*.txt, which debootstrap takes from the
# mirror that this machine has in /etc/apt.  A root that is there is used again.  In it the last
# commit of this tree is built, the demo and the tests run, and the jobs of jobs.sh, once for each
# set of instructions that this processor has.  BARYDEF (default: build/barydef) is this machine's
# program, which runs the same jobs.  Every dataset must be the same bit by bit.
#
# --long-only: do nothing unless BARYDEF_LONG is set, as tests/run.sh --long does.
#
#   debian13.sh -R runs           # only these tests
#   debian13.sh -N                # no tests
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
source "$here/jobs.sh"
source "$here/root.sh"
root=$tree/build/debian13 program=$tree/build/barydef long_only= arguments=() given=("$@")
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
    --long-only) long_only=yes; shift ;;
    --root) root=$2; shift 2 ;;
    --program) program=$(readlink -f "$2"); shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
if [ -n "$long_only" ] && [ -z "${BARYDEF_LONG:-}" ]; then
  echo "REDUCED: no Debian 13 is made; --long makes one, and builds and tests there"
  exit 77
fi
[ "$(id -u)" = 0 ] || { echo "SKIPPED: only root can make the root of a system"; exit 77; }
command -v debootstrap >/dev/null || { echo "SKIPPED: debootstrap is not installed"; exit 77; }

mkdir -p "$root"
root=$(readlink -f "$root")
log=$root.log

# ---- the root --------------------------------------------------------------------------------

own_mounts "$0" "${given[@]}"
make_root "$root" trixie 2>"$log"
echo "installing packages in $root"
inside "$root" apt-get update -q >"$log"
mapfile -t packages < <(grep -hv '^#' "$tree"/cmake/packages*.txt)
inside "$root" DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
  "${packages[@]}" >"$log" 2>&1 || { tail -n 20 "$log"; exit 1; }

# ---- the build -------------------------------------------------------------------------------

there=$root/root/barydef
[ -e "$there" ] || git clone -q "$tree" "$there"
git -C "$there" fetch -q "$tree" HEAD
git -C "$there" reset -q --hard FETCH_HEAD
inside "$root" bash -c 'cd /root/barydef && cmake --preset release -Wno-dev && \
  cmake --build --preset release -j "$(nproc)"' >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
inside "$root" /root/barydef/build/barydef --version
inside "$root" gcc --version | head -1
for api in 16 18 110 112 114; do
  inside "$root" bash -c 'cd /root/barydef && for file in $(find src/storage -name "*.c"); do
    gcc -std=c11 -D_GNU_SOURCE -DH5_USE_'$api'_API -Wall -Wextra -Wshadow -Wconversion -Werror \
      -fsyntax-only -Iinclude -Isrc $(pkg-config --cflags hdf5) "$file" || exit
  done'
  echo "compiles with HDF5's interface of version 1.${api#1}"
done

# ---- the demo, and the bits ------------------------------------------------------------------

inside "$root" bash /root/barydef/jobs/demo.sh
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
"$program" --version
differing=0
for instructions in baseline avx2 avx512; do
  results=build/jobs-$instructions
  said=$("$program" run "$tree/jobs/demo.ini" --dry-run --set solver.instructions=$instructions \
    2>&1) || case $said in
    *"none better than"*) echo "this processor has no $instructions"; continue ;;
    *) echo "$said" >&2; exit 1 ;;
  esac
  echo "the same jobs, instructions $instructions"
  run_jobs "$tree" "$tree/$results" solver.instructions=$instructions mpirun -n 2 "$program"
  inside "$root" bash -c "source /root/barydef/tests/portability/jobs.sh
    run_jobs /root/barydef /root/barydef/$results solver.instructions=$instructions \
      mpirun -n 2 /root/barydef/build/barydef"
  compare_jobs "$tree" "$tree/$results" "$there/$results" || differing=1
done

# ---- the tests -------------------------------------------------------------------------------

inside "$root" bash -c 'source /root/barydef/cmake/setup.sh && cd /root/barydef &&
  ctest --preset release "$@"' - "${arguments[@]}" || exit
[ $differing = 0 ] || { echo "results differ from this machine's, see above"; exit 1; }

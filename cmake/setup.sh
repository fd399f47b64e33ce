# Install what is missing, build, and set the environment.  jobs/demo.sh, jobs/paper/reproduce.sh and
# tests/run.sh source this.  It leaves BARYDEF_SOURCE, BARYDEF_BUILD and PATH set, and in
# BARYDEF_MISSING the packages that could not be installed.
#
# Set before, if at all:
#   lists    the lists of packages below cmake/; packages.txt unless set
#   install  "no": install nothing, and go on with what is there
#   target   what to build; everything unless set
set -eu
BARYDEF_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BARYDEF_BUILD=$BARYDEF_SOURCE/build

# Packages of the lists that are not installed.
missing_packages() {
  local list package
  for list in ${lists:-packages.txt}; do
    for package in $(grep -v '^#' "$BARYDEF_SOURCE/cmake/$list"); do
      dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        echo "$package"
    done
  done
}

# Install what is missing.  Where that is not to be or cannot be, one line says so.
install_packages() {
  local as_root=
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "nothing is installed, as there is no apt-get: going on with what is here"
    BARYDEF_MISSING=unknown
    return
  fi
  BARYDEF_MISSING=$(missing_packages | xargs)
  [ -n "$BARYDEF_MISSING" ] || return 0
  if [ "${install:-yes}" = no ]; then
    echo "not installed, as --no-install says: $BARYDEF_MISSING"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    if ! sudo -v 2>/dev/null; then
      echo "not installed, which takes root or sudo: $BARYDEF_MISSING"
      return
    fi
  fi
  echo "installing: $BARYDEF_MISSING"
  $as_root apt-get update -qq
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $BARYDEF_MISSING >/dev/null
  BARYDEF_MISSING=
}

# Build.  Where everything is installed nothing may be left out.  Elsewhere CMake takes what there is
# and says what it leaves out, and a compiler nobody has tried may warn.  A tree that was built
# without -Werror stays so, or every file of it would be compiled again.
build() {
  local log options="-DBARYDEF_VICTIM=ON -DBARYDEF_JPEG=ON -DBARYDEF_LIBDEFLATE=ON"
  local cache=$BARYDEF_BUILD/CMakeCache.txt takes=", which takes some four minutes the first time"
  [ -z "$BARYDEF_MISSING" ] ||
    options="-DBARYDEF_VICTIM=AUTO -DBARYDEF_JPEG=AUTO -DBARYDEF_LIBDEFLATE=AUTO
      -DBARYDEF_WERROR=OFF"
  if grep -qs '^BARYDEF_WERROR:BOOL=OFF$' "$cache"; then options+=" -DBARYDEF_WERROR=OFF"; fi
  [ ! -e "$cache" ] || takes=
  [ -n "${target:-}" ] || options+=" -DBUILD_TESTING=ON" # a user's tree may be without
  echo "building in $BARYDEF_BUILD$takes"
  cd "$BARYDEF_SOURCE"
  log=$(mktemp)
  # shellcheck disable=SC2086
  if cmake --preset release -Wno-dev $options >"$log" 2>&1; then
    [ -z "$BARYDEF_MISSING" ] || grep '^barydef: ' "$log" || :
    cmake --build --preset release -j "$(nproc)" --target "${target:-all}" >>"$log" 2>&1 &&
      { rm -f "$log"; return; }
  fi
  cat "$log"
  rm -f "$log"
  return 1
}

install_packages
(build)

export PATH=$BARYDEF_BUILD:$PATH
# Open MPI starts neither as root, unless two variables allow it, nor with more ranks than cores.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
# Open MPI 5 calls these by other names.
export PRTE_MCA_rmaps_default_mapping_policy=slot:OVERSUBSCRIBE
export PRTE_MCA_hwloc_default_binding_policy=none

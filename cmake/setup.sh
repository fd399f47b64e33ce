# Install what is missing, build, and set the environment. jobs/demo.sh and tests/run.sh source
# this.  It leaves BARYDEF_SOURCE, BARYDEF_BUILD and PATH set.
set -eu
BARYDEF_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BARYDEF_BUILD=$BARYDEF_SOURCE/build

missing=
for package in $(grep -v '^#' "$BARYDEF_SOURCE/cmake/packages.txt"); do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "installing:$missing"
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

echo "building in $BARYDEF_BUILD"
(
  cd "$BARYDEF_SOURCE"
  log=$(mktemp)
  if ! { cmake --preset release -Wno-dev && cmake --build --preset release -j "$(nproc)"; } \
    >"$log" 2>&1; then
    cat "$log"
    rm -f "$log"
    exit 1
  fi
  rm -f "$log"
)

export PATH=$BARYDEF_BUILD:$PATH
# Open MPI starts neither as root, unless two variables allow it, nor with more ranks than cores.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none

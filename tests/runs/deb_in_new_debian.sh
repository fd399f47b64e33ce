#!/usr/bin/env bash
# Install a .deb into a new Debian 12 and run the demo job there:
#
#   deb_in_new_debian.sh PACKAGE.deb FOLDER
#
# FOLDER becomes the Debian, if it is none yet, and stays.  As root, with debootstrap.
set -eu
source "$(dirname "${BASH_SOURCE[0]}")/../portability/root.sh"
own_mounts "$0" "$@"
deb=$1 root=$2
make_root "$root" bookworm
cp "$deb" "$root/barydef.deb"
debian() {
  inside "$root" DEBIAN_FRONTEND=noninteractive OMPI_MCA_rmaps_base_oversubscribe=1 "$@"
}
debian apt-get update -qq
debian apt-get install -y -qq /barydef.deb >&2
debian barydef --version
debian mpirun -n 2 barydef run /usr/share/barydef/jobs/demo.ini --overwrite \
  --set output.file=/tmp/result.h5
debian barydef check /tmp/result.h5
debian barydef report /tmp/result.h5 --victim /usr/share/barydef/jobs/demo/victim.pt
debian python3 -c 'import barydef; print(barydef.__version__, barydef.__file__)'
debian apt-get purge -y -qq barydef >&2
left=$(find "$root/usr" -path '*barydef*')
[ -z "$left" ] || { echo "purged, and there still are: $left" >&2; exit 1; }

#!/usr/bin/env bash
# Install a .deb into a new Debian 12 and run the demo job there:
#
#   deb_in_new_debian.sh PACKAGE.deb FOLDER
#
# FOLDER becomes the Debian, if it is none yet, and stays.  As root, with debootstrap.
set -eu
deb=$1 root=$2
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$root" >&2
cp "$deb" "$root/barydef.deb"
trap 'umount "$root/dev/shm" "$root/dev" "$root/sys" "$root/proc" 2>/dev/null' EXIT
mount -t proc none "$root/proc"
mount -t sysfs -o ro none "$root/sys"
mount --bind /dev "$root/dev"
mount -t tmpfs none "$root/dev/shm" 2>/dev/null || :
inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    OMPI_MCA_rmaps_base_oversubscribe=1 chroot "$root" "$@"
}
inside apt-get update -qq
inside apt-get install -y -qq /barydef.deb >&2
inside barydef --version
inside mpirun -n 2 barydef run /usr/share/barydef/jobs/demo.ini --overwrite \
  --set output.file=/tmp/result.h5
inside barydef check /tmp/result.h5
inside barydef report /tmp/result.h5 --victim /usr/share/barydef/jobs/demo/victim.pt
inside python3 -c 'import barydef; print(barydef.__version__, barydef.__file__)'
inside apt-get purge -y -qq barydef >&2
left=$(find "$root/usr" -path '*barydef*')
[ -z "$left" ] || { echo "purged, and there still are: $left" >&2; exit 1; }

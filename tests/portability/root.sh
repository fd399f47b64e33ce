# Make the root of a Debian, and run commands in it; sourced by scripts that root runs.
#
# The mounts are seen by the script alone, so that whoever ends it, by whatever signal, leaves none
# behind in FOLDER, which may be removed then.

# Start the script again where mounts are its own: own_mounts "$0" "$@", before anything else.
own_mounts() {
  [ -n "${BARYDEF_OWN_MOUNTS:-}" ] ||
    BARYDEF_OWN_MOUNTS=yes exec unshare --mount --propagation private bash "$@"
}

# make_root FOLDER SUITE: FOLDER becomes the root, from the mirror that this machine has in
# /etc/apt.  A root that is there is used again.  Prints to the standard error.
make_root() {
  local root=$1 suite=$2 mirror
  mkdir -p "$root"
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]+).*/\3/p' | head -1)
  [ -e "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase "$suite" "$root" "$mirror" >&2
  echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
  cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  # In a root that is no mount point, unshare --mount fails.
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys" # with the control groups that SLURM asks for
  mount --bind /dev "$root/dev"
  mount -t devpts devpts "$root/dev/pts"
  mount -t tmpfs tmpfs "$root/dev/shm"
}

# inside ROOT [NAME=VALUE]... COMMAND...: run a command in it, with an environment of its own.
inside() {
  local root=$1
  shift
  chroot "$root" env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin LANG=C.UTF-8 \
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$@"
}

#!/usr/bin/env bash
# Start or stop a real SLURM of three nodes on this machine, for the tests.  Its munged, slurmctld
# and three slurmd keep all their files in one folder, and listen on this host alone.
#
#   cluster.sh start FOLDER     prints what to put into the environment; ends with 77 where SLURM
#                               cannot run
#   cluster.sh stop FOLDER
#
# Partition all has two of the nodes.  The third is in two partitions: jobs in partition urgent
# preempt those in partition apart.
#
# Each slurmd has a host name of its own, since Open MPI names its shared memory by it, and a TmpFS
# of its own, where PMIx keeps its sockets.
set -u
folder=$2 nodes=3 cpus=8
export SLURM_CONF=$folder/slurm.conf PATH=$PATH:/usr/sbin
unset "${!SLURM_JOB@}" "${!SLURM_STEP@}"

cannot() { echo "cluster.sh: $1" >&2; exit 77; }

stop() {
  scancel --user="$(id -un)" 2>/dev/null
  local name pid
  for name in slurmctld node1 node2 node3 munged; do
    pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null
  done
  for _ in $(seq 50); do
    pgrep -f "$folder/(slurm.conf|munge.socket)" >/dev/null || break
    sleep 0.1
  done
  pkill -KILL -f "$folder/(slurm.conf|munge.socket)"
  # Job steps carry the configuration in their environment only.
  for pid in $(pgrep slurmstepd); do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "SLURM_CONF=$SLURM_CONF" &&
      kill -KILL "$pid"
  done
}

# Choose ports that nobody listens on, below those that the kernel gives to whoever asks.
choose_port() {
  local i
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 10000))
    for i in $(seq 0 $nodes); do
      (: <"/dev/tcp/127.0.0.1/$((port + i))") 2>/dev/null && continue 2
    done
    return
  done
  cannot "no free port"
}

daemon() { # name command...
  setsid "${@:2}" </dev/null >>"$folder/$1.log" 2>&1 &
  echo $! >"$folder/$1.pid"
}

start() {
  local program i host
  for program in munged slurmctld slurmd srun sbatch; do
    command -v "$program" >/dev/null || cannot "$program is not installed (Debian: slurm-wlm)"
  done
  unshare --mount --uts true 2>/dev/null ||
    cannot "no right to give each node a host name (unshare)"
  getent hosts "$(hostname -s)" >/dev/null || cannot "$(hostname -s) is not in /etc/hosts"
  # Names are looked up only where there is an address beside 127.0.0.1.
  ip -4 -o address 2>/dev/null | grep -v '127\.0\.0\.1/' | grep -q inet ||
    ip address add 127.0.0.2/8 dev lo 2>/dev/null
  mkdir -p "$folder"/{state,spool,tmp/n{1,2,3}}
  chmod 755 "$folder"
  chmod 1777 "$folder/tmp" # jobs of every user make their folders there
  (umask 077; head -c 128 /dev/urandom >"$folder/munge.key")
  daemon munged munged --foreground --force --key-file="$folder/munge.key" \
    --socket="$folder/munge.socket" --pid-file="$folder/munged.own" \
    --seed-file="$folder/munge.seed" --log-file="$folder/munge.log"
  choose_port
  : >"$folder/plugstack.conf"
  echo PMIxCollFence=ring >"$folder/mpi.conf"
  # A folder for the temporary files of each job, as clusters have it.  mpirun of Open MPI 4 removes
  # the folder that it shares with other jobs of the node, and now and then does so while another
  # makes its own there ("orte_session_dir failed").
  cat >"$folder/prolog.sh" <<PROLOG
#!/bin/sh
mkdir -p $folder/tmp/job-\$SLURM_JOB_ID
echo export TMPDIR=$folder/tmp/job-\$SLURM_JOB_ID
PROLOG
  chmod +x "$folder/prolog.sh"
  # A requeued job waits for cred_expire too, 120 s unless configured.  Where that is cut short by
  # hand (scontrol update StartTime=now), a job fails now and then without a word: slurmd refuses a
  # job that starts in the very second in which it was killed ("already killed, do not launch batch
  # job").
  host=$(hostname -s)
  cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$folder/munge.socket,cred_expire=8
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.own
SlurmdPidFile=$folder/slurmd.%n.own
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
PlugStackConfig=$folder/plugstack.conf
TaskProlog=$folder/prolog.sh
TmpFS=$folder/tmp/%n
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MinJobAge=3600
NodeName=DEFAULT CPUs=$cpus RealMemory=1000
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))]
PartitionName=all Nodes=n[1-2] Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=apart Nodes=n3 MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=n3 MaxTime=INFINITE PriorityTier=2
CONF
  # SLURM 23.11 and later want cgroups unless told so; earlier ones know no such plugin.
  [ "$(slurmd -V | sed 's/[^0-9]*//; s/\.//; s/\..*//')" -lt 2311 ] ||
    echo CgroupPlugin=disabled >"$folder/cgroup.conf"
  ulimit -c 0
  for _ in $(seq 50); do [ -S "$folder/munge.socket" ] && break; sleep 0.1; done
  # slurmctld too must find the nodes' names, by which srun there is answered since SLURM 23.
  printf '127.0.0.1 n%s\n' $(seq $nodes) | cat - /etc/hosts >"$folder/hosts"
  daemon slurmctld unshare --mount --propagation private bash -c "
    mount --bind '$folder/hosts' /etc/hosts && exec slurmctld -D -c -f '$SLURM_CONF'"
  for i in $(seq $nodes); do
    daemon "node$i" unshare --mount --uts --propagation private bash -c "hostname n$i &&
      mount --bind '$folder/hosts' /etc/hosts && exec slurmd -D -N n$i -f '$SLURM_CONF'"
  done
  for _ in $(seq 200); do
    if [ "$(timeout 5 sinfo -h -N -p all,apart -o %T 2>/dev/null | grep -c idle)" = $nodes ]; then
      echo "SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.1
  done
  tail -n 20 "$folder"/*.log >&2
  stop
  echo "cluster.sh: the nodes did not come up" >&2
  exit 1
}

"$1"

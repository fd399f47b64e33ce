#!/usr/bin/env bash
# The library keeps no state between calls, except the victim's module, which is loaded once, and
# the time limit that a signal handler reads.   statics.sh LIBRARY
set -u
kept='found\.[0-9]+|problem|watched|watched_seconds|is_watched'
theirs='completed\.[0-9]+|__dso_handle|__TMC_END__|__cpu_model|__cpu_features2'
found=$(objdump -t "$1" | awk '$4 == ".data" || $4 == ".bss" { if ($3 == "O") print $NF }') || exit
foreign=$(echo "$found" | grep -vxE "$kept|$theirs")
[ -z "$foreign" ] || { echo "$1 has variables that outlive a call:"; echo "$foreign"; exit 1; }
echo "no variable outlives a call, except those of the victim"

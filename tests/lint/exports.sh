#!/usr/bin/env bash
# What the library exports begins with bd_.   exports.sh LIBRARY
set -u
foreign=$(nm -D --defined-only "$1" | awk '$2 != "A" && $3 !~ /^bd_/ { print $3 }') || exit
[ -z "$foreign" ] || { echo "$1 exports what is not its own:"; echo "$foreign"; exit 1; }
echo "$(nm -D --defined-only "$1" | wc -l) symbols, all of them bd_"

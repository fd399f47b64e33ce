#!/usr/bin/env bash
# What the library exports begins with bd_, and the victim module, where it is built, exports one
# symbol.   exports.sh LIBRARY [MODULE]
set -u
symbols() { nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }'; }
found=$(symbols "$1") || exit
foreign=$(grep -v '^bd_' <<<"$found")
[ -z "$foreign" ] || { echo "$1 exports what is not its own:"; echo "$foreign"; exit 1; }
echo "$(wc -l <<<"$found") symbols, all of them bd_"
[ $# -lt 2 ] && exit
found=$(symbols "$2") || exit
[ "$found" = bd_victim_plugin ] || { echo "$2 exports other symbols too:"; echo "$found"; exit 1; }
echo "bd_victim_plugin alone"

#!/usr/bin/env bash
# An installed barydef serves a stranger's program through CMake and through pkg-config, and
# its program finds library and victim module wherever the prefix lies.
set -eu
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null

cat >"$work/main.c" <<'C'
#include <barydef/barydef.h>
#include <barydef/run.h>
#include <stdio.h>
int main(void) {
  bd_marginal_set_t set;
  bd_error_t error;
  if (bd_marginal_set_parse("B6", &set, &error) != BD_OK) return 1;
  printf("%s has %d marginals in B6\n", bd_version(), set.count);
  return set.count != 6;
}
C
version=$("$work/prefix/bin/barydef" --version | sed -n '1s/^barydef \([0-9]*\.[0-9]*\)\..*/\1/p')
[ -n "$version" ]
cat >"$work/CMakeLists.txt" <<C
cmake_minimum_required(VERSION 3.20)
project(stranger C)
find_package(barydef $version REQUIRED)
add_executable(stranger main.c)
target_link_libraries(stranger PRIVATE barydef::barydef)
C
log=$work/log
cmake -S "$work" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >"$log" ||
  { cat "$log"; exit 1; }
cmake --build "$work/build" >"$log" || { cat "$log"; exit 1; }
"$work/build/stranger"

pc=$(find "$work/prefix" -name barydef.pc)
export PKG_CONFIG_PATH=${pc%/*}
cc "$work/main.c" -o "$work/by-pkg-config" $(pkg-config --cflags --libs barydef) \
  -Wl,-rpath,"$(pkg-config --variable=libdir barydef)"
"$work/by-pkg-config"

# The library on its own, header by header, is C11 without extensions.
for header in "$work"/prefix/include/barydef/*.h; do
  # A header of macros alone declares nothing, which C11 does not allow of a whole file.
  printf '#include <barydef/%s>\nextern int nothing;\n' "${header##*/}" |
    cc -std=c11 -pedantic-errors -Wall -Werror -fsyntax-only -x c - $(pkg-config --cflags barydef)
done
"$work/prefix/bin/barydef" --version
if [ -e "$build/libbarydef-victim.so" ]; then
  "$work/prefix/bin/barydef" --version | grep -q '^libtorch [0-9]'
fi

# The program starts the package that was installed with it, which imports nothing of the sources.
said=$(env -u PYTHONPATH "$work/prefix/bin/barydef" report none.h5 2>&1) && exit 1
[ "$said" = "barydef: none.h5: no such file" ] || { echo "$said"; exit 1; }
package=$(find "$work/prefix" -path '*/barydef/command_line.py')
folder=${package%/barydef/command_line.py}
looked_for=$(/usr/bin/python3 "$(dirname "$0")/../../cmake/site_folder.py" "$work/prefix")
[ "$folder" = "$work/prefix/$looked_for" ] || { echo "$folder is not $looked_for"; exit 1; }
PYTHONPATH=$folder /usr/bin/python3 -c '
import sys
import barydef.command_line, barydef.report.make, barydef.convert, barydef.best_run
of_it = {m.__file__ for n, m in sys.modules.items() if n.startswith("barydef")}
sys.exit(not all(path.startswith(sys.argv[1]) for path in of_it))' "$folder"

# The pages that README leads to, and the figures that they show, come with it.
readme=$(find "$work/prefix" -name README.md)
for page in "$readme" "${readme%/*}"/docs/*.md; do
  links=$(grep -oE '\]\([^):]+\.(md|png)' "$page" | sed 's/^](//')
  [ "$page" != "$readme" ] || [ -n "$links" ]
  for link in $links; do
    [ -f "${page%/*}/$link" ] || { echo "$page: $link is not installed"; exit 1; }
  done
done

# Manual pages and completion come with it, as they were built.
if [ -d "$build/share" ]; then
  diff -r "$build/share/man" "$work/prefix/share/man"
  diff -r "$build/share/bash-completion" "$work/prefix/share/bash-completion"
  [ -f "$work/prefix/share/man/man1/barydef-run.1" ]
  [ -f "$work/prefix/share/man/man5/barydef-job.5" ]
  [ -f "$work/prefix/share/bash-completion/completions/barydef" ]
fi

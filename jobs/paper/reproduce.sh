#!/usr/bin/env bash
# Compute everything of docs/reproduction.md:  bash jobs/paper/reproduce.sh DATA [OUT]
#
# DATA holds mnist.h5, fashion_mnist.h5 and cifar10.h5 (docs/formats.md), and in victims/ their
# classifiers mnist.pt, fashion_mnist.pt and cifar10.pt.  OUT gets the results, a report of each,
# and the tables and figures of docs/.  It is build/reproduction unless given, and git ignores it
# wherever it is.  A second start goes on where the first ended.  RANKS says how many ranks to
# start; the default is 2.
fail() { echo "reproduce.sh: $2" >&2; exit "$1"; }
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || [ $# = 2 ] || fail 2 "bash jobs/paper/reproduce.sh DATA [OUT]"
[ -d "$1" ] ||
  fail 2 "$1: no such folder; it must hold mnist.h5, fashion_mnist.h5, cifar10.h5, and victims/"
DATA=$(cd "$1" && pwd)
for set in mnist fashion_mnist cifar10; do
  for file in "$DATA/$set.h5" "$DATA/victims/$set.pt"; do
    [ -r "$file" ] || fail 2 "$file: missing, or not readable"
  done
done
case ${RANKS:-2} in *[!0-9]* | 0) fail 2 "RANKS=$RANKS: a number of ranks is needed" ;; esac
/usr/bin/python3 -c 'import PIL' 2>/dev/null ||
  fail 2 "/usr/bin/python3 has no PIL, which makes the figures (python3-pil)"
OUT=${2:-$here/../../build/reproduction}
{
  mkdir -p "$OUT" && OUT=$(cd "$OUT" && pwd) &&
    { [ -e "$OUT/.gitignore" ] || echo '*' >"$OUT/.gitignore"; } && [ -w "$OUT" ]
} 2>/dev/null || fail 1 "$OUT: cannot be written to"
# shellcheck source=../../cmake/setup.sh
source "$here/../../cmake/setup.sh"
export OMP_NUM_THREADS=1

run() { # result, job, data set
  local status=0
  echo "== $1"
  mpirun -n "${RANKS:-2}" barydef run "$BARYDEF_SOURCE/jobs/paper/$2.ini" --quiet --resume \
    --set input.file="$DATA/$3.h5" --set victim.file="$DATA/victims/$3.pt" \
    --set output.file="$OUT/$1.h5" || status=$?
  case $status in
    0) ;;
    3) echo "reproduce.sh: $OUT/$1.h5: some images failed, and count as wrong" >&2 ;;
    *) fail $status "$OUT/$1.h5: barydef ended with $status, and says why above" ;;
  esac
}
report() { # result, options
  barydef report "$OUT/$1.h5" --use-victim-of-result "${@:2}"
}
tool() { PYTHONPATH=$BARYDEF_BUILD/python /usr/bin/python3 -m "barydef.$1" "${@:2}"; }
best() { tool best_run "${@/%/.h5}"; }

for set in mnist fashion_mnist cifar10; do
  run $set $set $set
  run best-$set best $set
  run blur-$set blur $set
  report $set
  report best-$set --blurs "$OUT/blur-$set.h5"
done
run best-more-cifar10 best_cifar10 cifar10
run best-nearest-cifar10 best_cifar10_nearest cifar10
report best-more-cifar10 --blurs "$OUT/blur-cifar10.h5"
run figure1 figure1 mnist
report figure1

cd "$OUT"
for set in mnist fashion_mnist; do best best-$set blur-$set; done
best best-cifar10 best-more-cifar10 best-nearest-cifar10 blur-cifar10
tool reproduction . >tables.md

mkdir -p figures
figure() { # picture of a report, name.  256 colours make it half the size.
  /usr/bin/python3 - "$1.png" "figures/$2.png" <<'PYTHON'
import sys
from PIL import Image
Image.open(sys.argv[1]).convert("RGB").quantize(256).save(sys.argv[2], optimize=True)
PYTHON
}
figure mnist-report/gallery-linf_deepfool mnist-gallery
figure cifar10-report/gallery-linf_deepfool cifar10-gallery
figure cifar10-report/grad-cam cifar10-grad-cam
figure best-mnist-report/along-solver-gamma mnist-gamma
figure best-mnist-report/front mnist-front
figure best-more-cifar10-report/front cifar10-front
figure figure1-report/sensitivity figure1
echo "results and reports: $OUT; tables of docs/reproduction.md: $OUT/tables.md;" \
  "figures of docs/figures/: $OUT/figures"

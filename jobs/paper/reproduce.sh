#!/usr/bin/env bash
# Everything of docs/reproduction.md:  bash jobs/paper/reproduce.sh DATA OUT
# DATA holds mnist.h5, fashion_mnist.h5 and cifar10.h5 (docs/formats.md) and, in victims/, their classifiers mnist.pt ...
# OUT gets the results, a report of each, and the figures of docs/; a second start goes on where the first ended.
source "$(dirname "$0")/../../cmake/setup.sh"
DATA=$(cd "$1" && pwd)
mkdir -p "$2" && OUT=$(cd "$2" && pwd)
export OMP_NUM_THREADS=1

run() { # result, job, data set
  local more=--overwrite
  [ ! -e "$OUT/$1.h5" ] || more=--resume
  echo "== $1"
  mpirun -n "${RANKS:-2}" barydef run "$BARYDEF_SOURCE/jobs/paper/$2.ini" --quiet $more --set input.file="$DATA/$3.h5" \
    --set victim.file="$DATA/victims/$3.pt" --set output.file="$OUT/$1.h5"
}
report() { # result, options
  /usr/bin/python3 "$BARYDEF_SOURCE/analysis" report "$OUT/$1.h5" --use-victim-of-result "${@:2}"
}
best() { /usr/bin/python3 "$BARYDEF_SOURCE/analysis/best.py" "${@/%/.h5}"; }

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

mkdir -p figures
figure() { # picture of a report, name: in 256 colours, half the size
  /usr/bin/python3 -c 'import sys; from PIL import Image; Image.open(sys.argv[1]).convert("RGB").quantize(256).save(sys.argv[2], optimize=True)' \
    "$1.png" "figures/$2.png"
}
figure mnist-report/gallery-linf_deepfool mnist-gallery
figure cifar10-report/gallery-linf_deepfool cifar10-gallery
figure cifar10-report/grad-cam cifar10-grad-cam
figure best-mnist-report/along-solver-gamma mnist-gamma
figure best-mnist-report/front mnist-front
figure best-more-cifar10-report/front cifar10-front
figure figure1-report/sensitivity figure1
echo "figures of docs/figures/: $OUT/figures"

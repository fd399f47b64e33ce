# The jobs by which builds are compared: mpich.sh and debian13.sh source this.

# run_jobs SOURCE FOLDER SETTING LAUNCHER...: purify the demo's jobs and sweep.ini into FOLDER, with
# a SETTING for --set.
run_jobs() {
  local source=$1 folder=$2 setting=$3 job
  shift 3
  mkdir -p "$folder"
  for job in "$source"/jobs/demo-fftw.ini "$source"/jobs/demo.ini "$source"/jobs/demo-sweep.ini \
    "$source"/tests/portability/sweep.ini; do
    "$@" run "$job" --overwrite --quiet --set "$setting" \
      --set output.file="$folder/$(basename "$job" .ini).h5"
  done
}

# compare_jobs SOURCE FIRST SECOND: two such folders, as same_bits.py compares them.
compare_jobs() {
  local source=$1 first=$2 second=$3 result pairs=()
  for result in "$first"/*.h5; do
    pairs+=("$result" "$second/$(basename "$result")")
  done
  PYTHONPATH=$source/tests/runs /usr/bin/python3 -B "$source/tests/portability/same_bits.py" \
    "${pairs[@]}"
}

# Sourced by the scripts that call a linter.

# need TOOL VERSION: leave, as a skipped test does, where the tool is missing or of another version.
# Other versions format otherwise, and find other faults.
need() {
  command -v "$1" >/dev/null || { echo "SKIPPED: $1 is not installed"; exit 77; }
  [[ $("$1" --version) =~ (^|[^0-9.])${2//./\\.}([^0-9]|$) ]] ||
    { echo "SKIPPED: this $1 is not version $2, which the sources follow"; exit 77; }
}

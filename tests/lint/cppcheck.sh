#!/usr/bin/env bash
# cppcheck over src; fails on any finding.   cppcheck.sh COMPILER-FLAG...
set -u
cd "$(dirname "$0")/../.." || exit
source tests/lint/tools.sh
need cppcheck 2.10
exec cppcheck --std=c11 --enable=warning,style,performance,portability --inline-suppr \
  --suppressions-list=tests/lint/cppcheck.supp --quiet --error-exitcode=1 -j "$(nproc)" \
  -D_GNU_SOURCE -DBD_PATH=baseline -DBD_HAS_X86_PATHS -D__x86_64__ -Iinclude -Isrc src

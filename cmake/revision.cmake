# Write version and git revision, touching the file only when they changed.
cmake_minimum_required(VERSION 3.20)
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 OUTPUT_VARIABLE revision
                OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
if(failed)
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define BD_VERSION \"@VERSION@\"\n#define BD_REVISION \"@revision@\"\n" @ONLY)

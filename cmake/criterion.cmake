# criterion_tests(TARGET PROPERTY VALUE...): a ctest entry for each Criterion test of an executable, found by
# asking it after every build; a filter that matches nothing counts as a failure.
set(criterion_script "${CMAKE_CURRENT_LIST_FILE}")

function(criterion_tests target)
  list(TRANSFORM ARGN REPLACE "(.+)" " \"\\1\"" OUTPUT_VARIABLE properties)
  list(JOIN properties "" properties)
  set(list "${CMAKE_CURRENT_BINARY_DIR}/${target}.tests.cmake")
  add_custom_command(TARGET ${target} POST_BUILD BYPRODUCTS "${list}" VERBATIM
                     COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${target}> -DNAME=${target} -DLIST=${list}
                             "-DPROPERTIES=${properties}" -P "${criterion_script}")
  if(NOT EXISTS "${list}")
    file(WRITE "${list}" "add_test(${target} ${target}-is-not-built)\n")
  endif()
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${list}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL criterion_script)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C TERM=dumb "${PROGRAM}" --list OUTPUT_VARIABLE listing
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" lines "${listing}")
  set(text "")
  foreach(line IN LISTS lines)
    if(line MATCHES "^([A-Za-z0-9_]+): [0-9]+ tests?")
      set(suite ${CMAKE_MATCH_1})
    elseif(line MATCHES "-- ([A-Za-z0-9_]+)")
      set(test "${NAME}.${suite}.${CMAKE_MATCH_1}")
      string(APPEND text "add_test(${test} \"${PROGRAM}\" -j1 --filter \"${suite}/${CMAKE_MATCH_1}\")\n"
             "set_tests_properties(${test} PROPERTIES TIMEOUT 60 FAIL_REGULAR_EXPRESSION \"Tested: 0;runtime error:;Sanitizer\"${PROPERTIES})\n")
    endif()
  endforeach()
  file(WRITE "${LIST}" "${text}")
endif()

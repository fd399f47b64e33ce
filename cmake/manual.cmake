# Manual pages and the completion of bash: what the program and its commands in Python say of
# themselves, written by cmake/manual.  That runs the program, and Python without any package.
set(BARYDEF_MANUAL_LACKS) # why there are none
set(version 0)
if(BARYDEF_CMAKE_PYTHON)
  execute_process(COMMAND ${BARYDEF_CMAKE_PYTHON} -ISc "import platform; print(platform.python_version())"
                  OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(CMAKE_CROSSCOMPILING)
  set(BARYDEF_MANUAL_LACKS "a program that runs here was not built")
elseif(version VERSION_LESS 3.9)
  set(BARYDEF_MANUAL_LACKS "Python 3.9 or later was not found (BARYDEF_CMAKE_PYTHON)")
endif()
if(BARYDEF_MANUAL_LACKS)
  message(NOTICE "barydef: ${BARYDEF_MANUAL_LACKS}, so there are no manual pages and no completion")
  return()
endif()
set(manual_folder ${PROJECT_BINARY_DIR}/share)
set(manual_stamp ${PROJECT_BINARY_DIR}/manual.stamp)
file(GLOB manual_sources CONFIGURE_DEPENDS cmake/manual/*)
# A page of a command that is no more would be installed, so the folder is made anew.  Python sees
# neither packages nor the environment (-S -E).
add_custom_command(OUTPUT ${manual_stamp} VERBATIM
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual_folder}
  COMMAND ${BARYDEF_CMAKE_PYTHON} -BES ${PROJECT_SOURCE_DIR}/cmake/manual/manual.py
          $<TARGET_FILE:barydef-program> ${manual_folder}
  COMMAND ${CMAKE_COMMAND} -E touch ${manual_stamp}
  DEPENDS barydef-program ${manual_sources} ${BARYDEF_PACKAGE}/command_line.py
          ${BARYDEF_PACKAGE}/attack/presets.py ${BARYDEF_PACKAGE}/attack/defence.py
  COMMENT "Writing the manual pages and the completion of bash")
add_custom_target(manual ALL DEPENDS ${manual_stamp})
install(DIRECTORY ${manual_folder}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${manual_folder}/bash-completion DESTINATION ${CMAKE_INSTALL_DATADIR})

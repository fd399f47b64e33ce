# Manual pages and the completion of bash: what the program and its commands in Python say of
# themselves, written by cmake/manual.  That runs the program, and Python without any package.
find_program(BARYDEF_MANUAL_PYTHON NAMES python3 HINTS /usr/bin DOC "Python that writes the manual pages")
if(CMAKE_CROSSCOMPILING OR NOT BARYDEF_MANUAL_PYTHON)
  message(STATUS "No manual pages and no completion: they need python3, and a program that runs here")
  return()
endif()
set(manual_folder ${PROJECT_BINARY_DIR}/share)
set(manual_stamp ${PROJECT_BINARY_DIR}/manual.stamp)
file(GLOB manual_sources CONFIGURE_DEPENDS cmake/manual/*)
# A page of a command that is no more would be installed, so the folder is made anew.
add_custom_command(OUTPUT ${manual_stamp} VERBATIM
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual_folder}
  COMMAND ${BARYDEF_MANUAL_PYTHON} -B ${PROJECT_SOURCE_DIR}/cmake/manual/manual.py
          $<TARGET_FILE:barydef-program> ${manual_folder}
  COMMAND ${CMAKE_COMMAND} -E touch ${manual_stamp}
  DEPENDS barydef-program ${manual_sources} ${BARYDEF_PACKAGE}/command_line.py
          ${BARYDEF_PACKAGE}/attack/presets.py
  COMMENT "Writing the manual pages and the completion of bash")
add_custom_target(manual ALL DEPENDS ${manual_stamp})
install(DIRECTORY ${manual_folder}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${manual_folder}/bash-completion DESTINATION ${CMAKE_INSTALL_DATADIR})

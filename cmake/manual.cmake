# Manual pages and the completion of bash: what the program and its commands in Python say of
# themselves, written by cmake/manual.  That runs the program, and Python without any package.
set(Python3_FIND_STRATEGY LOCATION)
set(Python3_ROOT_DIR /usr CACHE PATH "Where Python for the manual pages is looked for first")
find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
if(CMAKE_CROSSCOMPILING OR NOT Python3_Interpreter_FOUND)
  message(STATUS "No manual pages and no completion: they need Python 3.9 and a program that runs here")
  return()
endif()
set(manual_folder ${PROJECT_BINARY_DIR}/share)
set(manual_stamp ${PROJECT_BINARY_DIR}/manual.stamp)
file(GLOB manual_sources CONFIGURE_DEPENDS cmake/manual/*)
# A page of a command that is no more would be installed, so the folder is made anew.  Python sees
# neither packages nor the environment (-S -E).
add_custom_command(OUTPUT ${manual_stamp} VERBATIM
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual_folder}
  COMMAND ${Python3_EXECUTABLE} -BES ${PROJECT_SOURCE_DIR}/cmake/manual/manual.py
          $<TARGET_FILE:barydef-program> ${manual_folder}
  COMMAND ${CMAKE_COMMAND} -E touch ${manual_stamp}
  DEPENDS barydef-program ${manual_sources} ${BARYDEF_PACKAGE}/command_line.py
          ${BARYDEF_PACKAGE}/attack/presets.py
  COMMENT "Writing the manual pages and the completion of bash")
add_custom_target(manual ALL DEPENDS ${manual_stamp})
install(DIRECTORY ${manual_folder}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${manual_folder}/bash-completion DESTINATION ${CMAKE_INSTALL_DATADIR})

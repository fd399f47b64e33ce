# The Python package: importable from the build tree (PYTHONPATH=build/python), and installed.  In
# the build tree its modules are links, so that they are never older than the sources.
set(BARYDEF_PACKAGE ${PROJECT_SOURCE_DIR}/analysis/barydef)
add_custom_target(python-package ALL VERBATIM DEPENDS barydef-core
  COMMAND ${CMAKE_COMMAND} -DFROM=${BARYDEF_PACKAGE} -DTO=${BARYDEF_PYTHON_PACKAGE}
          -P ${PROJECT_SOURCE_DIR}/cmake/link_package.cmake)

# The Python of the distribution, or else that of PATH.
find_program(BARYDEF_CMAKE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(BARYDEF_CMAKE_PYTHON python3)
mark_as_advanced(BARYDEF_CMAKE_PYTHON)
set(BARYDEF_PYTHON_DIR "" CACHE STRING
    "Folder below the prefix that the Python package is installed into; empty: where Python looks")

# barydef_site_folder(PREFIX OUT): where Python looks for packages below a prefix.  On Debian that is
# lib/python3/dist-packages below /usr, lib/python3.11/dist-packages below /usr/local, and
# lib/python3.11/site-packages below any other.
set(BARYDEF_SITE_FOLDER "${BARYDEF_CMAKE_PYTHON}" ${PROJECT_SOURCE_DIR}/cmake/site_folder.py)
function(barydef_site_folder prefix out)
  set(folder lib/python3/site-packages)
  if(BARYDEF_CMAKE_PYTHON)
    execute_process(COMMAND ${BARYDEF_SITE_FOLDER} ${prefix} OUTPUT_VARIABLE folder
                    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  endif()
  set(${out} ${folder} PARENT_SCOPE)
endfunction()

# The prefix, and so the folder, is known when the package is installed: --prefix and CPack have
# their own.  The program tries all folders that it may be, relative to its own, so that a tree can
# be moved.
set(folders ${BARYDEF_PYTHON_DIR})
if(NOT folders)
  foreach(prefix /usr /usr/local /opt/any)
    barydef_site_folder(${prefix} folder)
    list(APPEND folders ${folder})
  endforeach()
  list(REMOVE_DUPLICATES folders)
endif()
set(BARYDEF_PYTHON_FROM_PROGRAM)
foreach(folder IN LISTS folders)
  file(RELATIVE_PATH place /${CMAKE_INSTALL_BINDIR} /${folder})
  list(APPEND BARYDEF_PYTHON_FROM_PROGRAM "\"${place}\"")
endforeach()
list(JOIN BARYDEF_PYTHON_FROM_PROGRAM "," BARYDEF_PYTHON_FROM_PROGRAM)

set(find_folder "set(folder \"${folders}\")")
if(NOT BARYDEF_PYTHON_DIR AND BARYDEF_CMAKE_PYTHON)
  list(JOIN BARYDEF_SITE_FOLDER "\" \"" command)
  set(find_folder "execute_process(COMMAND \"${command}\" \"\${CMAKE_INSTALL_PREFIX}\"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)")
endif()
install(CODE "${find_folder}
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/\${folder}\" TYPE DIRECTORY
       FILES \"${BARYDEF_PACKAGE}\" REGEX __pycache__ EXCLUDE)
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/\${folder}/barydef\" TYPE MODULE
       FILES \"$<TARGET_FILE:barydef-core>\")")

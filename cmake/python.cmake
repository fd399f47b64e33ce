# The Python package: importable from the build tree (PYTHONPATH=build/python), and installed.  In
# the build tree it is a link, so that it is never older than the sources.
set(BARYDEF_PACKAGE ${PROJECT_SOURCE_DIR}/analysis/barydef)
add_custom_target(python-package ALL VERBATIM
  COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/python
  COMMAND ${CMAKE_COMMAND} -E create_symlink ${BARYDEF_PACKAGE} ${PROJECT_BINARY_DIR}/python/barydef)

# Where the Python of the distribution looks for packages below a prefix: on Debian
# lib/python3/dist-packages below /usr, lib/python3.11/dist-packages below /usr/local, and
# lib/python3.11/site-packages below any other.
set(barydef_python_dir lib/python3/site-packages)
if(EXISTS /usr/bin/python3)
  execute_process(COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/cmake/site_folder.py ${CMAKE_INSTALL_PREFIX}
                  OUTPUT_VARIABLE barydef_python_dir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
set(BARYDEF_PYTHON_DIR ${barydef_python_dir} CACHE STRING
    "Folder below the prefix that the Python package is installed into")
install(DIRECTORY ${BARYDEF_PACKAGE} DESTINATION ${BARYDEF_PYTHON_DIR} PATTERN __pycache__ EXCLUDE)

# How the program finds the installed package: from its own folder, so that a tree can be moved.
file(RELATIVE_PATH BARYDEF_PYTHON_FROM_PROGRAM /${CMAKE_INSTALL_BINDIR} /${BARYDEF_PYTHON_DIR})

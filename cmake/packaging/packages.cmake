# Packages of the built tree:  cpack -G DEB  and  cpack -G TGZ,  in the build folder
# (docs/install.md).  Both hold what cmake --install installs, stripped.
set(CPACK_PACKAGE_CONTACT "the barydef authors <barydef@localhost>")
set(CPACK_PACKAGE_VENDOR "the barydef authors")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_RESOURCE_FILE_README ${PROJECT_SOURCE_DIR}/README.md)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR TGZ)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/packaging/at_cpack_time.cmake)

# The .deb depends on the libraries that its files need, and on what starts the ranks.  What the
# commands in Python need is recommended, which apt-get installs unless told otherwise.
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON) # and has the loader's cache renewed
set(CPACK_DEBIAN_PACKAGE_DEPENDS "openmpi-bin")
if(BARYDEF_MPI_PC STREQUAL "mpich")
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "mpich")
endif()
file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/packages.txt packages REGEX "^(python|libopenblas)")
list(JOIN packages ", " CPACK_DEBIAN_PACKAGE_RECOMMENDS)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "slurm-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/packaging/prerm)
include(CPack)

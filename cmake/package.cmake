# find_package(barydef) and pkg-config barydef for programs that use the library.
include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/barydef-config.cmake.in barydef-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/barydef)
write_basic_package_version_file(barydef-config-version.cmake COMPATIBILITY SameMinorVersion)
# The prefix relative to the .pc file, so that an installed tree can be moved.
file(RELATIVE_PATH BARYDEF_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
# mpi.h, by the .pc file of the MPI that this build is of, or where there is none by its folders.
set(BARYDEF_PC_MPI)
set(BARYDEF_PC_MPI_FLAGS)
if(PKG_CONFIG_FOUND AND BARYDEF_MPI_PC)
  pkg_check_modules(PC_MPI QUIET ${BARYDEF_MPI_PC})
endif()
if(PC_MPI_FOUND)
  set(BARYDEF_PC_MPI ${BARYDEF_MPI_PC})
else()
  foreach(folder IN LISTS MPI_C_INCLUDE_DIRS)
    string(APPEND BARYDEF_PC_MPI_FLAGS " -I${folder}")
  endforeach()
endif()
configure_file(cmake/barydef.pc.in barydef.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/barydef-config.cmake ${PROJECT_BINARY_DIR}/barydef-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/barydef)
install(EXPORT barydef NAMESPACE barydef:: FILE barydef-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/barydef)
install(FILES ${PROJECT_BINARY_DIR}/barydef.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# find_package(barydef) and pkg-config barydef for programs that use the library.
include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/barydef-config.cmake.in barydef-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/barydef)
write_basic_package_version_file(barydef-config-version.cmake COMPATIBILITY SameMinorVersion)
# The prefix relative to the .pc file, so that an installed tree can be moved.
file(RELATIVE_PATH BARYDEF_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/barydef.pc.in barydef.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/barydef-config.cmake ${PROJECT_BINARY_DIR}/barydef-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/barydef)
install(EXPORT barydef NAMESPACE barydef:: FILE barydef-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/barydef)
install(FILES ${PROJECT_BINARY_DIR}/barydef.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# CPack reads this for each kind of package.  A .deb is installed below /usr, and the install script
# must know that, since it asks Python where packages below /usr are.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_SET_DESTDIR ON)
  set(CPACK_INSTALL_PREFIX /usr)
endif()

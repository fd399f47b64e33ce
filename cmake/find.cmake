# How libraries are looked for, by whoever builds barydef or its numerics alone.

# ---- the table ------------------------------------------------------------------------------

# barydef_row(NAME OUT): the row of a requirement, as the list of its columns.
function(barydef_row name out)
  string(REPLACE "+" "[+]" pattern "${name}")
  file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/requirements.txt row REGEX "^${pattern} *\\|")
  if(NOT row)
    message(FATAL_ERROR "cmake/requirements.txt has no row ${name}")
  endif()
  string(REGEX REPLACE " *\\| *" ";" row "${row}")
  set(${out} "${row}" PARENT_SCOPE)
endfunction()

# Tell in one line that something optional is left out.
function(barydef_left_out name what)
  barydef_row(${name} row)
  list(GET row 1 debian)
  message(NOTICE "barydef: ${name} was not found (Debian: ${debian}), so ${what}")
endfunction()

# ---- finding --------------------------------------------------------------------------------

# Only a hint where to look: many modules bring no .pc file.
find_package(PkgConfig QUIET)

# barydef_find(NAME PKG_CONFIG HEADER LIBRARY [TEXT]): need::NAME and NAME_FOUND, in upper case, if
# there are such a header, which must hold the text, and such a library.
function(barydef_find name pkg_config header library)
  string(TOUPPER ${name} variable)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_${variable} QUIET ${pkg_config})
  endif()
  find_path(${variable}_INCLUDE_DIR ${header}
            HINTS ${PC_${variable}_INCLUDE_DIRS} ENV CPATH ENV C_INCLUDE_PATH)
  find_library(${variable}_LIBRARY ${library}
               HINTS ${PC_${variable}_LIBRARY_DIRS} ENV LIBRARY_PATH ENV LD_LIBRARY_PATH)
  mark_as_advanced(${variable}_INCLUDE_DIR ${variable}_LIBRARY)
  set(found FALSE)
  if(${variable}_INCLUDE_DIR AND ${variable}_LIBRARY)
    set(found TRUE)
    if(ARGN)
      file(STRINGS ${${variable}_INCLUDE_DIR}/${header} found REGEX ${ARGN} LIMIT_COUNT 1)
    endif()
  endif()
  if(found)
    add_library(need::${name} UNKNOWN IMPORTED)
    set_target_properties(need::${name} PROPERTIES
      IMPORTED_LOCATION ${${variable}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${${variable}_INCLUDE_DIR})
    set(${variable}_FOUND TRUE PARENT_SCOPE)
  else()
    set(${variable}_FOUND FALSE PARENT_SCOPE)
  endif()
endfunction()

# ---- the loader -----------------------------------------------------------------------------

# barydef_folders(OUT LIBRARY...): folders of libraries that the loader does not look into by itself.
# Those of modules and home folders are, and Debian's, which hold links, are not.
function(barydef_folders out)
  set(folders)
  foreach(library IN LISTS ARGN)
    if(TARGET "${library}")
      list(APPEND folders "$<TARGET_FILE_DIR:${library}>")
    elseif(IS_ABSOLUTE "${library}")
      get_filename_component(file "${library}" REALPATH)
      get_filename_component(folder "${library}" DIRECTORY)
      if(NOT file MATCHES "^/(usr/)?lib")
        list(APPEND folders "${folder}")
      endif()
    endif()
  endforeach()
  list(REMOVE_DUPLICATES folders)
  set(${out} "${folders}" PARENT_SCOPE)
endfunction()

# Find what barydef is built from: targets need::NAME, and MPI::MPI_C.  What is missing and needed is
# told in one message, with its names in three distributions (cmake/requirements.txt).  What is
# missing and can be done without is told in one line each.
include(cmake/find.cmake)
set(barydef_missing)

# ---- options that are ON, OFF, or AUTO: whatever is there ------------------------------------

function(barydef_choice name help)
  set(${name} AUTO CACHE STRING "${help}: ON, OFF, or AUTO, which is ON where it is installed")
  set_property(CACHE ${name} PROPERTY STRINGS AUTO ON OFF)
endfunction()
barydef_choice(BARYDEF_VICTIM "Build the victim module, by libtorch; without it accuracies are NaN")
barydef_choice(BARYDEF_JPEG "Make the view jpeg, by libjpeg; without it a job that asks for it is refused")
barydef_choice(BARYDEF_LIBDEFLATE "Read compressed sets by libdeflate; without it by zlib")

# End here if anything is missing that is needed, and name all of it.
function(barydef_refuse_if_missing)
  if(NOT barydef_missing)
    return()
  endif()
  set(text "barydef needs these, and did not find them:")
  foreach(name IN LISTS barydef_missing)
    barydef_row(${name} row)
    list(GET row 4 purpose)
    string(APPEND text "\n  ${name}: ${purpose}")
    foreach(column 1 2 3)
      list(GET row ${column} package)
      if(NOT package STREQUAL "-")
        list(APPEND names_${column} ${package})
      endif()
    endforeach()
  endforeach()
  foreach(column 1 2 3)
    list(JOIN names_${column} " " names_${column})
  endforeach()
  set(hints)
  if("MPI" IN_LIST barydef_missing)
    string(APPEND hints "  MPI is found by mpicc in PATH, or below MPI_HOME.\n")
  endif()
  if("HDF5" IN_LIST barydef_missing)
    string(APPEND hints "  HDF5 is found by h5cc in PATH, or below HDF5_ROOT.\n")
  endif()
  message(FATAL_ERROR
    "${text}\n \n"
    "  Debian, Ubuntu:          apt-get install ${names_1}\n"
    "  Fedora, RHEL with EPEL:  dnf install ${names_2}\n"
    "  Spack:                   spack install ${names_3}\n \n"
    "  Without root, load the modules that have them, or name their folders in CMAKE_PREFIX_PATH.\n"
    "${hints}"
    "  docs/install.md has examples.\n")
endfunction()

# ---- finding --------------------------------------------------------------------------------

find_package(MPI QUIET COMPONENTS C)
if(NOT MPI_C_FOUND)
  list(APPEND barydef_missing MPI)
endif()
# Which one it is decides names of packages and .pc files.
set(BARYDEF_MPI_PC)
foreach(folder IN LISTS MPI_C_INCLUDE_DIRS)
  if(EXISTS ${folder}/mpi.h)
    file(STRINGS ${folder}/mpi.h open_mpi REGEX "define +OPEN_MPI " LIMIT_COUNT 1)
    file(STRINGS ${folder}/mpi.h mpich REGEX "define +MPICH_VERSION " LIMIT_COUNT 1)
    if(open_mpi)
      set(BARYDEF_MPI_PC ompi-c)
    elseif(mpich)
      set(BARYDEF_MPI_PC mpich)
    endif()
  endif()
endforeach()

find_package(HDF5 QUIET COMPONENTS C)
if(NOT HDF5_FOUND OR HDF5_VERSION VERSION_LESS 1.10)
  list(APPEND barydef_missing HDF5)
endif()

barydef_find(fftw fftw3 fftw3.h fftw3)
barydef_find(inih inih ini.h inih ini_parse_stream)
barydef_find(xxhash libxxhash xxhash.h xxhash XXH3_128bits)
foreach(name FFTW inih xxHash)
  string(TOUPPER ${name} variable)
  if(NOT ${variable}_FOUND)
    list(APPEND barydef_missing ${name})
  endif()
endforeach()

# Compressed chunks: need::inflate, by libdeflate or zlib.
barydef_find(zlib zlib zlib.h z)
if(BARYDEF_LIBDEFLATE)
  barydef_find(libdeflate libdeflate libdeflate.h deflate)
endif()
if(LIBDEFLATE_FOUND)
  add_library(need::inflate ALIAS need::libdeflate)
elseif(ZLIB_FOUND AND (NOT BARYDEF_LIBDEFLATE OR BARYDEF_LIBDEFLATE STREQUAL "AUTO"))
  add_library(need::inflate ALIAS need::zlib)
  if(BARYDEF_LIBDEFLATE)
    barydef_left_out(libdeflate "zlib reads compressed sets")
  endif()
elseif(BARYDEF_LIBDEFLATE)
  list(APPEND barydef_missing libdeflate)
else()
  list(APPEND barydef_missing zlib)
endif()

if(BARYDEF_JPEG)
  barydef_find(libjpeg libjpeg jpeglib.h jpeg jpeg_mem_dest)
  if(NOT LIBJPEG_FOUND)
    if(BARYDEF_JPEG STREQUAL "AUTO")
      barydef_left_out(libjpeg "a job that asks for the view jpeg will be refused")
    else()
      list(APPEND barydef_missing libjpeg)
    endif()
  endif()
endif()

# ---- libtorch, which is C++ -----------------------------------------------------------------

# Its own TorchConfig.cmake ends with an error where a library is missing that it was built with,
# such as CUDA, of which the victim uses nothing.  So header and libraries are looked for by hand,
# where that file would lead.
function(barydef_find_torch)
  set(folders ${Torch_ROOT} $ENV{Torch_ROOT})
  if(Torch_DIR)
    list(APPEND folders ${Torch_DIR}/../../..)
  endif()
  # torch.utils.cmake_prefix_path of a Python package is torch/share/cmake.
  string(REPLACE ":" ";" prefixes "$ENV{CMAKE_PREFIX_PATH}")
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH prefixes)
    if(EXISTS ${prefix}/Torch/TorchConfig.cmake)
      list(APPEND folders ${prefix}/../..)
    endif()
  endforeach()
  find_path(TORCH_INCLUDE_DIR torch/script.h HINTS ${folders} PATH_SUFFIXES include)
  find_library(TORCH_CPU_LIBRARY torch_cpu HINTS ${folders} PATH_SUFFIXES lib)
  find_library(C10_LIBRARY c10 HINTS ${folders} PATH_SUFFIXES lib)
  mark_as_advanced(TORCH_INCLUDE_DIR TORCH_CPU_LIBRARY C10_LIBRARY)
  if(NOT TORCH_INCLUDE_DIR OR NOT TORCH_CPU_LIBRARY OR NOT C10_LIBRARY)
    return()
  endif()
  add_library(need::c10 UNKNOWN IMPORTED)
  set_target_properties(need::c10 PROPERTIES IMPORTED_LOCATION ${C10_LIBRARY})
  add_library(need::torch UNKNOWN IMPORTED)
  set_target_properties(need::torch PROPERTIES
    IMPORTED_LOCATION ${TORCH_CPU_LIBRARY}
    INTERFACE_LINK_LIBRARIES need::c10
    INTERFACE_INCLUDE_DIRECTORIES
      "${TORCH_INCLUDE_DIR};${TORCH_INCLUDE_DIR}/torch/csrc/api/include")
  # Python's torch up to 2.6 has the old strings of libstdc++, and names no function with new ones.
  file(STRINGS ${C10_LIBRARY} new_strings REGEX "_ZN3c10.*__cxx11" LIMIT_COUNT 1)
  if(NOT new_strings)
    set_target_properties(need::torch PROPERTIES
                          INTERFACE_COMPILE_DEFINITIONS _GLIBCXX_USE_CXX11_ABI=0)
  endif()
endfunction()

if(BARYDEF_VICTIM)
  include(CheckLanguage)
  check_language(CXX)
  set(lacking)
  if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    set(CMAKE_CXX_STANDARD 17)
  else()
    list(APPEND lacking "C++ compiler")
  endif()
  barydef_find_torch()
  if(NOT TARGET need::torch)
    list(APPEND lacking libtorch)
  endif()
  if(lacking AND BARYDEF_VICTIM STREQUAL "AUTO")
    list(GET lacking 0 first)
    barydef_left_out(${first} "there is no victim module, and accuracies will be NaN")
  else()
    list(APPEND barydef_missing ${lacking})
  endif()
endif()

barydef_refuse_if_missing()

barydef_folders(BARYDEF_FOLDERS ${MPI_C_LIBRARIES} ${HDF5_C_LIBRARIES} ${FFTW_LIBRARY}
                ${INIH_LIBRARY} ${XXHASH_LIBRARY} ${LIBDEFLATE_LIBRARY} ${ZLIB_LIBRARY}
                ${LIBJPEG_LIBRARY})

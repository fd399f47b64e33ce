# The numerics: src/transport and what makes a solver of keys and values, without MPI, HDF5 and
# libtorch.  libbarydef and the Python package are built of the same objects.

# The engine: every file that works on lanes, once for each instruction set and precision
# (src/transport/engine/path.h).
set(BARYDEF_ENGINE
  setup batch iterate identity dual trajectory tape forward_backward fista engine sweep direct recursion)
set(BARYDEF_ENGINE_DOUBLE fourier wide sweep_back adjoint reverse) # float32 leaves what needs these to float64
if(NOT FFTW_FOUND)
  list(TRANSFORM BARYDEF_ENGINE_DOUBLE REPLACE "^fourier$" no_fourier)
endif()
set(BARYDEF_PATHS baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND BARYDEF_PATHS avx2 avx512)
endif()
set(BARYDEF_FLAGS_avx2 -march=x86-64-v3)
set(BARYDEF_FLAGS_avx512 -march=x86-64-v4)

# -O3                 unrolls and vectorises, in builds for debugging too: else they take minutes.
# -ffp-contract=fast  a*b + c may become one fused operation, which is faster and rounds once.  No
#                     other liberty is taken, least of all -ffast-math.
# avoid-fma-max-bits  gcc 13 and later leave chains of sums unfused for some processors, but not in
#                     every copy of a loop: bits would depend on which copy an image meets.
# -Wno-psabi          vectors wider than the registers are passed by value, but only among the
#                     functions of one path, which agree on how.
# -march              the instruction set of the path; baseline has that of the compiler.
function(barydef_path_options target path precision)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include
                             ${PROJECT_SOURCE_DIR}/src)
  if(FFTW_FOUND)
    target_include_directories(${target} PRIVATE ${FFTW_INCLUDE_DIR})
  endif()
  target_compile_definitions(${target} PRIVATE BD_PATH=${path}${precision}
                             $<$<BOOL:${precision}>:BD_SINGLE>)
  target_compile_options(${target} PRIVATE -O3 -ffp-contract=fast -Wno-psabi
                         $<$<C_COMPILER_ID:GNU>:--param=avoid-fma-max-bits=0>
                         ${BARYDEF_FLAGS_${path}})
endfunction()

# Its objects and those of the engine, which whoever links it gets as well.
add_library(barydef-numerics OBJECT
  src/closest.c src/error.c src/number.c src/text.c
  src/transport/kernel.c src/transport/marginal.c src/transport/mean.c src/transport/moved.c
  src/transport/solver.c
  src/job/table.c src/job/settings.c src/statistics/measures.c)
target_include_directories(barydef-numerics PUBLIC ${PROJECT_SOURCE_DIR}/include
                           PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(barydef-numerics PUBLIC $<TARGET_NAME_IF_EXISTS:need::fftw> m)
set_target_properties(barydef-numerics PROPERTIES POSITION_INDEPENDENT_CODE ON)
foreach(path ${BARYDEF_PATHS})
  foreach(precision "" _single)
    set(sources ${BARYDEF_ENGINE})
    if(NOT precision)
      list(APPEND sources ${BARYDEF_ENGINE_DOUBLE})
    endif()
    list(TRANSFORM sources REPLACE "(.+)" "src/transport/engine/\\1.c")
    add_library(path_${path}${precision} OBJECT ${sources})
    barydef_path_options(path_${path}${precision} ${path} "${precision}")
    list(APPEND BARYDEF_ENGINE_TARGETS path_${path}${precision})
    list(APPEND BARYDEF_ENGINE_OBJECTS $<TARGET_OBJECTS:path_${path}${precision}>)
  endforeach()
endforeach()
target_sources(barydef-numerics INTERFACE ${BARYDEF_ENGINE_OBJECTS})
if(avx512 IN_LIST BARYDEF_PATHS)
  target_compile_definitions(barydef-numerics PRIVATE BD_HAS_X86_PATHS)
endif()

# What Python loads, beside the modules that load it.  It finds a
# library of FFTW that was put beside it, as in a wheel.
set(BARYDEF_PYTHON_PACKAGE ${PROJECT_BINARY_DIR}/python/barydef)
if(IS_SYMLINK ${BARYDEF_PYTHON_PACKAGE})
  file(REMOVE ${BARYDEF_PYTHON_PACKAGE}) # of an older build: it leads into the sources
endif()
add_library(barydef-core MODULE)
target_link_libraries(barydef-core PRIVATE barydef-numerics)
set_target_properties(barydef-core PROPERTIES PREFIX lib LINKER_LANGUAGE C
                      LIBRARY_OUTPUT_DIRECTORY ${BARYDEF_PYTHON_PACKAGE}
                      BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN;${BARYDEF_FOLDERS}")
set(BARYDEF_CORE_LIBRARY "" CACHE FILEPATH
    "With BARYDEF_CORE_ONLY: what another build has made, to be installed instead of a new one")
if(BARYDEF_CORE_ONLY)
  if(BARYDEF_CORE_LIBRARY)
    set_target_properties(barydef-core barydef-numerics ${BARYDEF_ENGINE_TARGETS}
                          PROPERTIES EXCLUDE_FROM_ALL ON)
    install(FILES ${BARYDEF_CORE_LIBRARY} DESTINATION barydef)
  else()
    install(TARGETS barydef-core LIBRARY DESTINATION barydef)
  endif()
  if(FFTW_FOUND)
    file(REAL_PATH ${FFTW_LIBRARY} fftw)
    execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${fftw} OUTPUT_VARIABLE soname
                    COMMAND_ERROR_IS_FATAL ANY)
    if(soname MATCHES "SONAME +([^ \n]+)")
      install(FILES ${fftw} RENAME ${CMAKE_MATCH_1} DESTINATION barydef)
    endif()
  endif()
endif()

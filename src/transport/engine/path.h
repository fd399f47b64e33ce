/* One of the engine's compilations.

   Every file of this folder is compiled once for each instruction set and precision.  BD_PATH
   names the compilation, for example avx2_single, and each external name of the engine carries it:
   BD_X(evaluate) is bd_evaluate_avx2_single there. */
#ifndef BD_PATH_H
#define BD_PATH_H

#ifndef BD_PATH
#error "the engine is compiled once for each path: define BD_PATH (CMakeLists.txt)"
#endif

#define BD_JOINED(name, path) bd_##name##_##path
#define BD_JOIN(name, path) BD_JOINED(name, path)
#define BD_X(name) BD_JOIN(name, BD_PATH)

#endif

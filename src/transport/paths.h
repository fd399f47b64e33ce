/* The compilations of the engine (path.h), for solver.c to choose among. */
#ifndef BD_PATHS_H
#define BD_PATHS_H

#include <barydef/solver.h>

typedef struct bd_path {
  /* Can, and should, images of this size be solved one by one, in strips (lanes.h)? */
  int (*can_strip)(const bd_solver_options_t *options, int height, int width);
  /* As bd_solver_create, of options that have been checked and of which `moved` is (moved_fit).
     is_first: all images are given to it, so that moving them can be shared. */
  bd_status_t (*create)(const bd_solver_options_t *options, int channels, int height, int width,
                        int in_strips, bd_moved_t *moved, int is_first, void **engine,
                        bd_error_t *error);
  /* As bd_solver_run, of the images whose first report is BD_IMAGE_PENDING; what the engine is not
   * right for stays so. */
  void (*run)(void *engine, int count, const double *images, double *purified, double *mean,
              bd_image_report_t *reports, bd_poll_t *poll, void *context);
  void (*destroy)(void *engine);
} bd_path_t;

extern const bd_path_t bd_path_baseline, bd_path_baseline_single;
#ifdef BD_HAS_X86_PATHS
extern const bd_path_t bd_path_avx2, bd_path_avx2_single, bd_path_avx512, bd_path_avx512_single;
#endif

#endif

/* The compilations of the engine (engine/path.h), for solver.c to choose among. */
#ifndef BD_PATHS_H
#define BD_PATHS_H

#include <barydef/solver.h>
#include <stddef.h>

/* What the lanes of an engine hold (engine/lanes.h). */
typedef enum bd_layout { BD_LAYOUT_IMAGES, BD_LAYOUT_STRIPS } bd_layout_t;

/* Which images an engine is given. */
typedef enum engine_role {
  ENGINE_FIRST,   /* all of them: moving them can be shared with other solvers */
  ENGINE_FOLLOWER /* those that the engines before it were not right for */
} engine_role_t;

/* What an engine is made for. */
typedef struct bd_engine_plan {
  const bd_solver_options_t *options; /* checked; copied */
  int channels, height, width;        /* of an image */
  bd_layout_t layout;
  engine_role_t role;
  bd_moved_t *moved; /* fitted to these options (moved_fit); outlives the engine */
} bd_engine_plan_t;

/* The arguments of bd_solver_run, or of bd_solver_vjp. */
typedef struct bd_solver_call {
  size_t count;
  const double *images;
  double *purified, *mean;
  bd_image_report_t *reports;
  bd_poll_t *poll;
  void *context;
  const double *adjoints; /* for gradients: of the last snapshot */
  double *gradients;      /* NULL: none */
  double memory;          /* bytes that they may take to compute; 0: the usual (tape.h) */
} bd_solver_call_t;

typedef struct bd_path {
  /* 1 if images of this size can be, and are best, solved one by one in strips. */
  int (*can_strip)(const bd_solver_options_t *options, int height, int width);
  /* The caller calls destroy(*engine).  Errors: BD_FAILED without memory. */
  bd_status_t (*create)(const bd_engine_plan_t *plan, void **engine, bd_error_t *error);
  /* Solve the images whose first report is BD_IMAGE_PENDING.  Those that the engine is not right
     for stay pending. */
  void (*run)(void *engine, const bd_solver_call_t *call);
  /* The same with gradients.  NULL in float32.  Errors: BD_FAILED without memory. */
  bd_status_t (*run_with_gradients)(void *engine, const bd_solver_call_t *call, bd_error_t *error);
  void (*destroy)(void *engine);
} bd_path_t;

#define BD_PATH_CHOSEN(name)
#define BD_PATH_EVERYWHERE(name) extern const bd_path_t bd_path_##name, bd_path_##name##_single;
#define BD_PATH_X86(name) BD_PATH_EVERYWHERE(name)
#define BD_PATH_OF_SET(NAME, name, where, meaning) BD_PATH_##where(name)
BD_INSTRUCTIONS_TABLE(BD_PATH_OF_SET)

#endif

/* The engine - every file that works on lanes - is compiled once for each instruction set
   and precision, BD_PATH naming which; this gives each compilation's external names an
   ending of their own.  A new external function of the engine belongs into the list. */
#ifndef BD_PATH_H
#define BD_PATH_H

#define BD_JOINED(name, path) name##_##path
#define BD_JOIN(name, path) BD_JOINED(name, path)
#define BD_NAME(name) BD_JOIN(name, BD_PATH)

#define path BD_NAME(path)
#define engine_run BD_NAME(engine_run)
#define store_lane BD_NAME(store_lane)
#define forward_backward BD_NAME(forward_backward)
#define fista BD_NAME(fista)
#define trajectory_range BD_NAME(trajectory_range)
#define trajectory_given_up BD_NAME(trajectory_given_up)
#define trajectory_look BD_NAME(trajectory_look)
#define trajectory_wants_objective BD_NAME(trajectory_wants_objective)
#define consensus BD_NAME(consensus)
#define beyond_range BD_NAME(beyond_range)
#define reach_of BD_NAME(reach_of)
#define evaluate BD_NAME(evaluate)
#define evaluate_marginal BD_NAME(evaluate_marginal)
#define evaluate_wide BD_NAME(evaluate_wide)
#define account BD_NAME(account)
#define eliminate BD_NAME(eliminate)
#define objective_of BD_NAME(objective_of)
#define conjugate BD_NAME(conjugate)
#define extent BD_NAME(extent)
#define gibbs_create BD_NAME(gibbs_create)
#define gibbs_direct BD_NAME(gibbs_direct)
#define gibbs_recursion BD_NAME(gibbs_recursion)
#define gibbs_fourier BD_NAME(gibbs_fourier)
#define sweeper_create BD_NAME(sweeper_create)
#define sweeper_free BD_NAME(sweeper_free)
#define sweep_marginal BD_NAME(sweep_marginal)
#define sweep_start BD_NAME(sweep_start)
#define step_plane BD_NAME(step_plane)
#define wide_create BD_NAME(wide_create)
#define wide_free BD_NAME(wide_free)
#define wide_gradient BD_NAME(wide_gradient)

#endif

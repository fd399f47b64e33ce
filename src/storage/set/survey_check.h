/* Checks of a survey, on plain numbers.  The child makes the first two for what it is about to
   list.  The parent makes all of them again, since it trusts nothing that the child says.
   Errors: BD_BAD_INPUT, naming the file and the object in it. */
#ifndef BD_SURVEY_CHECK_H
#define BD_SURVEY_CHECK_H

#include "storage/set/survey.h"

/* Is the name of attacks[index] valid, and not that of an attack before it? */
bd_status_t survey_check_name(const survey_request_t *request, const bd_attack_t *attacks,
                              int index, bd_error_t *error);

/* Do the shapes, chunks and filters of all groups agree with each other, with the labels and with
   the memory? */
bd_status_t survey_check_shapes(const survey_request_t *request, const survey_t *survey,
                                bd_error_t *error);

/* Take a survey apart, and check that it makes sense, lies inside the file, and stays below
   most_bytes (limits.h has the shares). */
bd_status_t survey_check(const survey_request_t *request, void *bytes, size_t size,
                         survey_t *survey, bd_error_t *error);

#endif

/* The child's part of a survey, in which HDF5 lists what is in the file. */
#ifndef BD_SURVEY_CHILD_H
#define BD_SURVEY_CHILD_H

#include "storage/set/survey.h"

#include <stdio.h>

/* An isolated_t whose context is a survey_request_t.  Puts the parts of a survey.
   Errors: BD_BAD_INPUT, naming the file and the object in it; BD_FAILED without memory. */
bd_status_t survey_child(void *request, FILE *out, bd_error_t *error);

#endif

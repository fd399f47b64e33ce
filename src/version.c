#include "cluster/world.h"
#include "storage/hdf5/h5.h"

#include <barydef/solver.h>
#include <barydef/version.h>
#include <barydef/victim.h>
#include <barydef/view.h>

#include <fftw3.h>
#include <stdio.h>
#include <string.h>
#include <version-generated.h>
#include <xxhash.h>

const char *bd_version(void) { return BD_VERSION; }
const char *bd_revision(void) { return BD_REVISION; }

void bd_libraries(char *text, size_t size) {
  char mpi[128], hdf5[32];
  world_library(mpi, sizeof mpi);
  h5_library(hdf5, sizeof hdf5);
  const char *torch = bd_victim_library();
  size_t length = (size_t)snprintf(
      text, size, "instructions %s\nHDF5 %s\nMPI: %s\nFFTW: %s\nxxHash %d.%d.%d\n%s%s\n",
      bd_instructions_name((int)bd_instructions_best()), hdf5, mpi, fftw_version, XXH_VERSION_MAJOR,
      XXH_VERSION_MINOR, XXH_VERSION_RELEASE,
      torch ? "libtorch " : "libtorch: not built in, accuracies will be NaN", torch ? torch : "");
  for (bd_view_t v = 0; v < BD_VIEWS; v++) {
    const size_t used = length < size ? length : size;
    if (bd_view_library(v))
      length += (size_t)snprintf(text + used, size - used, "%s\n", bd_view_library(v));
  }
  static const char cut[] = "...";
  if (length >= size && size >= sizeof cut) memcpy(text + size - sizeof cut, cut, sizeof cut);
}

import pathlib

from spack_repo.builtin.build_systems.cmake import CMakePackage

from spack.package import *


class Barydef(CMakePackage):
    """Barycentric Defense for whole sets of attacked images: purifies them by entropic Wasserstein
    barycenters, on many ranks, and measures the accuracy of the attacked classifier."""

    # The clone that this recipe lies in; what is committed there is built.
    git = pathlib.Path(__file__).resolve().parents[7].as_uri()

    license("BSD-2-Clause")

    version("main", branch="main")

    variant("victim", default=True, description="Accuracies of a classifier, by libtorch")
    variant("jpeg", default=True, description="The baseline view jpeg")
    variant("libdeflate", default=True, description="libdeflate in place of zlib")

    depends_on("c", type="build")
    depends_on("cxx", type="build", when="+victim")
    depends_on("cmake@3.20:", type="build")
    depends_on("git", type="build")

    depends_on("mpi")
    depends_on("hdf5@1.10:1.14")
    depends_on("fftw@3.3: precision=double")
    depends_on("libinih")
    depends_on("xxhash@0.8:")
    depends_on("libdeflate", when="+libdeflate")
    depends_on("zlib-api", when="~libdeflate")
    depends_on("jpeg", when="+jpeg")
    depends_on("py-torch@1.13:", type=("build", "link", "run"), when="+victim")

    # The manual pages are written by Python.  The commands report, convert and attack are Python.
    extends("python@3.9:")
    depends_on("python@3.9:", type=("build", "run"))
    depends_on("py-numpy", type="run")
    depends_on("py-h5py", type="run")
    depends_on("py-scipy", type="run")
    depends_on("py-matplotlib", type="run")

    def cmake_args(self):
        python = self.spec["python"].version.up_to(2)
        return [
            self.define_from_variant("BARYDEF_VICTIM", "victim"),
            self.define_from_variant("BARYDEF_JPEG", "jpeg"),
            self.define_from_variant("BARYDEF_LIBDEFLATE", "libdeflate"),
            self.define("BARYDEF_PYTHON_DIR", f"lib/python{python}/site-packages"),
            self.define("BUILD_TESTING", False),
        ]

    def setup_run_environment(self, env):
        env.set("BARYDEF_PYTHON", self.spec["python"].prefix.bin.python3)

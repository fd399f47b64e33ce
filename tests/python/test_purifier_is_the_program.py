"""barydef.Purifier gives the bits of barydef run, from threads, forks and copies."""

import concurrent.futures
import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import unittest
import warnings

import h5py
import numpy as np
from support import BASE, DEMO_SET, RunTest, parameters, purify, skip

import barydef
from barydef import core
from barydef.purifier import _text

SETTINGS = {"solver.gamma": 0.5, "solver.iterations": 30}


def images(count=20, channels=1, side=16, dtype=np.float64):
    return np.random.default_rng(5).random((count, channels, side, side)).astype(dtype)


def purified_in_child(purifier, x, queue):
    queue.put(purifier(x).tobytes())


class Program(RunTest):
    def test_images_and_figures_are_those_of_a_result(self):
        kinds = (
            {"solver.gamma": 1, "solver.iterations": 40},
            {
                "marginals.set": "B4",
                "solver.cost": "l2",
                "solver.kernel": "fftw",
                "solver.gamma": 2,
            },
            {"solver.shortcuts": False, "solver.weights": [1, 1, 1, 2, 1, 3]},
            {"solver.method": "fista", "solver.tolerance": 1e-3, "solver.window": "full"},
        )
        base = {name: text for name, text in BASE.items() if name[:6] in ("solver", "margin")}
        for number, settings in enumerate(kinds):
            settings = {**base, **settings}
            texts = {name: _text(value) for name, value in settings.items()}
            job = {"input.file": DEMO_SET, "input.limit": 12, **texts}
            path = purify(self.folder, job, output=f"{number}.h5")
            with h5py.File(DEMO_SET) as given, h5py.File(path) as result:
                for name, attack in given["attacks"].items():
                    x = attack["images"][:12]
                    x = x / np.float32(255) if x.dtype == np.uint8 else x
                    y, report = barydef.Purifier(settings)(x, report=True)
                    group = result[f"runs/000/{name}"]
                    np.testing.assert_array_equal(y, group["images"][:])
                    for field in report.dtype.names:
                        np.testing.assert_array_equal(report[field], group["per_image"][field])

    def test_settings_are_those_that_the_program_lists(self):
        listed = {
            name: row
            for name, row in parameters().items()
            if name.split(".")[0] in ("marginals", "solver")
        }
        found = barydef.settings()
        self.assertEqual({name: row[:2] for name, row in found.items()}, listed)
        self.assertTrue(all(row.meaning for row in found.values()))
        self.assertIn("; default: 0.02; allowed: a number from", str(found["solver.gamma"]))
        barydef.Purifier({name: row.default for name, row in found.items() if row.default})

    def test_float64_rounds_to_the_same(self):
        purifier, x = barydef.Purifier(SETTINGS), images(dtype=np.float32)
        wide = purifier(x.astype(np.float64))
        self.assertEqual((wide.dtype, purifier(x).dtype), (np.float64, np.float32))
        np.testing.assert_array_equal(wide.astype(np.float32), purifier(x))


class Sharing(unittest.TestCase):
    def setUp(self):
        self.purifier = barydef.Purifier(SETTINGS)
        self.x = images(150)
        self.y = self.purifier(self.x)

    def test_threads_and_order_change_no_bit(self):
        for threads in 1, 2, 3:
            purifier = barydef.Purifier(SETTINGS, threads=threads)
            np.testing.assert_array_equal(purifier(self.x[::-1]), self.y[::-1])
            np.testing.assert_array_equal(purifier(self.x[:7]), self.y[:7])

    def test_threads_of_the_caller_share_one(self):
        parts = [slice(at, at + 10) for at in range(0, 150, 10)]
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            found = list(pool.map(lambda part: self.purifier(self.x[part]), parts))
        np.testing.assert_array_equal(np.concatenate(found), self.y)

    def test_shapes_may_alternate(self):
        other = images(3, 3, 12)
        first = self.purifier(other)
        np.testing.assert_array_equal(self.purifier(self.x[:5]), self.y[:5])
        np.testing.assert_array_equal(self.purifier(other), first)

    def test_copies_and_pickles_do_the_same(self):
        for twin in copy.deepcopy(self.purifier), pickle.loads(pickle.dumps(self.purifier)):
            np.testing.assert_array_equal(twin(self.x[:9]), self.y[:9])

    def test_forked_and_spawned_processes_do_the_same(self):
        for method in "fork", "spawn":
            context = multiprocessing.get_context(method)
            queue = context.Queue()
            child = context.Process(
                target=purified_in_child, args=(self.purifier, self.x[:9], queue)
            )
            child.start()
            found = queue.get(timeout=60)
            child.join()
            self.assertEqual((child.exitcode, found), (0, self.y[:9].tobytes()))

    def test_a_fork_while_others_compute_does_not_hang(self):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            busy = pool.submit(barydef.Purifier({"solver.iterations": 400}), self.x)
            self.test_forked_and_spawned_processes_do_the_same()
            busy.result()

    def test_the_interpreter_runs_on_meanwhile(self):
        slow = barydef.Purifier({"solver.iterations": 3000, "solver.shortcuts": False})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            busy, turns = pool.submit(slow, images(32, 1, 28)), 0
            while not busy.done():
                turns += 1
        self.assertGreater(turns, 1000)


class Refusals(unittest.TestCase):
    def refused(self, call, *arguments, **named):
        with self.assertRaises(ValueError) as caught:
            call(*arguments, **named)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_settings_are_refused_with_what_is_allowed(self):
        for settings, why in (
            ({"solver.gamma": -1}, "solver.gamma = -1 is not allowed; allowed: a number from"),
            ({"solver.gama": 1}, "solver.gama: unknown key; allowed in [solver]: gamma,"),
            ({"run.block": 1}, "run.block changes nothing here; allowed: keys of [marginals] ["),
            ({"solver.iterations": "10, 20"}, "solver.iterations = 10, 20 is a list"),
            ({"solver.weights": "1 2"}, "2 weights for 6 marginals"),
            ({"solver.cost": "l1\0"}, "a NUL character"),
        ):
            self.assertIn(why, self.refused(barydef.Purifier, settings))
        for settings in [1, 2], "solver.gamma=1", 7:
            self.assertIn("allowed: a dict", self.refused(barydef.Purifier, settings))
        for value in 0, 1.5, np.inf, "two", None:
            self.assertIn(f"threads = {value!r}", self.refused(barydef.Purifier, threads=value))
        for value in 0, np.nan, "1 GB":
            self.assertIn(f"memory = {value!r}", self.refused(barydef.Purifier, memory=value))
        for code in 99, "ok", None:
            self.assertIn(f"no status {code!r}", self.refused(barydef.status_name, code))

    def test_arrays_are_refused_with_what_is_allowed(self):
        purifier = barydef.Purifier(SETTINGS)
        for x, why in (
            (np.zeros((28, 28)), "of shape (28, 28); allowed: [n, C, H, W]"),
            (np.zeros((1, 1, 0, 4)), "allowed: [n, C, H, W]"),
            (np.zeros((1, 8, 8, 3)), "whose channels are last; allowed: [n, C, H, W], as of x.tr"),
            (np.zeros((1, 16, 8, 4)), "whose channels are last"),
            (np.zeros((1, 1, 8, 8), np.uint8), "of uint8; allowed: float32 or float64"),
            (np.ma.masked_less(np.eye(8)[None, None], 1), "with masked pixels; fill them"),
            ([[1], [2, 3]], "Purifier: no array of images: "),
        ):
            self.assertIn(why, self.refused(purifier, x))
        x = images(2)
        self.assertIn("ybar is", self.refused(purifier.vjp, x, x[:1]))
        self.assertEqual(purifier(x[:0]).shape, (0, 1, 16, 16))

    def test_other_orders_of_bytes_and_strides_are_read(self):
        purifier, x = barydef.Purifier(SETTINGS), images(3)
        expected, pulled = purifier(x), purifier.vjp(x, x)
        for kind in ">f8", "<f8":
            self.assertEqual(purifier(x.astype(kind)).dtype, np.dtype(kind))
            np.testing.assert_array_equal(purifier(x.astype(kind)), expected)
            np.testing.assert_array_equal(purifier.vjp(x.astype(kind), x.astype(kind)), pulled)
        np.testing.assert_array_equal(purifier(np.asfortranarray(x)[::-1]), expected[::-1])

    def test_what_has_no_gradient_says_so(self):
        x = images(1)
        for settings in {"solver.method": "fista"}, {"solver.tolerance": 0.1}:
            why = self.refused(barydef.Purifier(settings).vjp, x, x)
            self.assertIn("has no gradient", why)

    def test_rounding_beyond_the_range_is_clipped(self):
        """As by a run: 1e-6 at most, on either side, and the caller's array stays as it is."""
        beyond = images(4).astype("f4")
        beyond[beyond < 0.1] = -1e-8
        beyond[0, 0, 0, 0] = np.float32(1 + 9e-7)
        kept = beyond.copy()
        purify = barydef.Purifier({"solver.iterations": 2})
        y, report = purify(beyond, report=True)
        self.assertEqual(report["status"].tolist(), [0] * len(beyond))
        self.assertEqual(y.tobytes(), purify(np.clip(beyond, 0, 1)).tobytes())
        self.assertEqual(beyond.tobytes(), kept.tobytes())

    def test_failed_images_are_nan_and_told(self):
        purifier, x = barydef.Purifier(SETTINGS), images(4)
        x[1], x[2, 0, 3, 3] = 0, np.nan
        y, report = purifier(x, report=True)
        self.assertEqual(
            [barydef.status_name(code) for code in report["status"]],
            ["ok", "empty", "not-finite", "ok"],
        )
        np.testing.assert_array_equal(np.isnan(y).all((1, 2, 3)), [False, True, True, False])
        with self.assertWarnsRegex(RuntimeWarning, "2 of 4 images failed .*image 1 is empty"):
            purifier(x)
        with self.assertWarns(RuntimeWarning):
            gradient = purifier.vjp(x, np.ones_like(x))
        np.testing.assert_array_equal(np.isnan(gradient).all((1, 2, 3)), [0, 1, 1, 0])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            purifier(x[[0, 3]])


class Gradients(unittest.TestCase):
    def test_they_are_differences(self):
        x, direction, ybar = images(3, 2, 9) * 0.8 + 0.1, images(3, 2, 9) - 0.5, images(3, 2, 9)
        ybar = ybar[::-1].copy()
        for settings in SETTINGS, {"solver.gamma": 0.05, "solver.mass": "joint"}:
            purifier = barydef.Purifier(settings, threads=2)
            gradient, y = purifier.vjp(x, ybar, purified=True)
            np.testing.assert_array_equal(y, purifier(x))
            step = 1e-5 * direction
            found = (ybar * (purifier(x + step) - purifier(x - step))).sum((1, 2, 3)) / 2e-5
            np.testing.assert_allclose((gradient * direction).sum((1, 2, 3)), found, rtol=1e-6)

    def test_that_of_the_mean_is_of_what_the_program_calls_so(self):
        # At a tiny gamma and without steps the barycenter is the mean of the marginals.
        x, direction, ybar = images(3, 2, 9) * 0.8 + 0.1, images(3, 2, 9) - 0.5, images(3, 2, 9)
        for more in {}, {"solver.mass": "joint"}, {"marginals.interpolation": "nearest"}:
            settings = {"solver.gamma": 1e-3, "solver.iterations": 0, "solver.tau": 1e-4, **more}
            purifier = barydef.Purifier(settings)
            gradient = purifier.mean_vjp(x, ybar)
            step = 1e-5 * direction
            found = (ybar * (purifier(x + step) - purifier(x - step))).sum((1, 2, 3)) / 2e-5
            np.testing.assert_allclose((gradient * direction).sum((1, 2, 3)), found, rtol=1e-7)
            np.testing.assert_allclose(gradient, purifier.vjp(x, ybar), atol=1e-11)

    def test_images_and_figures_come_with_them(self):
        x, purifier = images(20, dtype=np.float32), barydef.Purifier(SETTINGS, threads=2)
        x[3] = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the report tells of failures
            gradient, y, report = purifier.vjp(x, x, purified=True, report=True)
            alone, same = purifier.vjp(x, x, report=True)
        _, expected = purifier(x.astype(np.float64), report=True)
        np.testing.assert_array_equal(y, purifier(x.astype(np.float64), report=True)[0])
        np.testing.assert_array_equal(gradient, alone)
        self.assertEqual(report.tobytes(), same.tobytes())
        self.assertEqual(report.dtype.names, (*expected.dtype.names, "adjoint_growth"))
        for field in expected.dtype.names:
            np.testing.assert_array_equal(report[field], expected[field])
        np.testing.assert_array_equal(np.isnan(report["adjoint_growth"]), np.arange(20) == 3)
        self.assertEqual(np.nanmax(report["adjoint_growth"]), 1)

    def test_steps_that_are_too_long_are_told(self):
        x = images(4)
        purifier = barydef.Purifier({**SETTINGS, "solver.gamma": 0.02, "solver.tau": 3})
        with self.assertWarnsRegex(RuntimeWarning, "solver.tau = 3 is beyond safe_tau of some"):
            _, report = purifier.vjp(x, x, report=True)
        self.assertTrue((report["safe_tau"] < 3).any())
        self.assertGreater(report["adjoint_growth"].max(), 2)

    def test_little_memory_changes_no_bit(self):
        x, settings = images(20), {"solver.gamma": 0.5, "solver.iterations": 200}
        expected = barydef.Purifier(settings).vjp(x, x)
        for memory in 20e6, 5e6:
            purifier = pickle.loads(pickle.dumps(barydef.Purifier(settings, memory=memory)))
            np.testing.assert_array_equal(purifier.vjp(x, x), expected)
        with self.assertRaisesRegex(RuntimeError, "needs [0-9]+ bytes, more than the 100000 that"):
            barydef.Purifier(settings, memory=1e5).vjp(x, x)
        for memory in 0, -1, np.inf:
            with self.assertRaisesRegex(ValueError, f"memory = {memory} is not a number of bytes"):
                barydef.Purifier(settings, memory=memory)

    def test_a_channel_of_zeros_has_none(self):
        x = images(1, 2)
        x[:, 1] = 0
        purifier = barydef.Purifier(SETTINGS)
        for gradient in purifier.vjp(x, x + 1), purifier.mean_vjp(x, x + 1):
            self.assertTrue(gradient[:, 0].any() and not gradient[:, 1].any())


class Library(unittest.TestCase):
    def test_it_needs_neither_mpi_nor_hdf5_nor_torch(self):
        code = (
            "import sys, numpy, barydef; barydef.Purifier()(numpy.ones((1, 1, 8, 8))); "
            "print({'torch', 'h5py', 'mpi4py'} & set(sys.modules), "
            "[word for word in ('mpi', 'hdf5', 'torch') if word in open('/proc/self/maps').read()])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), ("set() []\n", ""))

    def test_without_it_one_line_says_what_to_do(self):
        code = (
            "import barydef.core as one; one.NAME = 'none.so'\n"
            "try: one.load()\n"
            "except RuntimeError as problem: print(problem)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertRegex(done.stdout, r"none.so cannot be loaded .*: install the package by pip")
        self.assertEqual(done.stdout.count("\n"), 1)

    def test_without_fftw_kernels_that_need_it_are_refused(self):
        code = """if True:
            import sys, numpy, barydef, barydef.core as core
            core.NAME = sys.argv[1]
            x = numpy.random.default_rng(5).random((2, 1, 32, 32))
            print(barydef.Purifier({"solver.gamma": 1})(x).tobytes().hex())
            wide = {"solver.cost": "l2", "solver.window": "full", "solver.gamma": 1}
            print(barydef.Purifier({"solver.kernel": "direct", **wide})(x).tobytes().hex())
            for call in (
                barydef.Purifier({"solver.kernel": "fftw"}),
                barydef.Purifier(wide),
                lambda x: barydef.Purifier(wide).vjp(x, x),
                lambda x: barydef.Purifier({"solver.kernel": "fftw"}).check_gradient(),
            ):
                try:
                    print(call(x))
                except ValueError as problem:
                    print(problem)
        """
        name = os.environ.get("BARYDEF_CORE_WITHOUT_FFTW") or skip(
            "BARYDEF_CORE_WITHOUT_FFTW names no library"
        )
        found = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True)
        self.assertEqual(found.stderr, "")
        usual, direct, *refused = found.stdout.splitlines()
        expected = subprocess.run(
            [sys.executable, "-c", code, core.NAME], capture_output=True, text=True
        )
        self.assertEqual(expected.stdout.splitlines()[:2], [usual, direct])
        end = "and this build has none; solver.kernel = direct does without, more slowly"
        self.assertEqual(
            refused,
            [
                f"solver.kernel = {kernel} needs FFTW for images of {side} x {side} pixels, {end}"
                for kernel, side in (("fftw", 32), ("auto", 32), ("auto", 32), ("fftw", 8))
            ],
        )

    def test_it_exports_nothing_of_others(self):
        text = subprocess.run(
            ["nm", "-D", "--defined-only", core.load()._name], capture_output=True, text=True
        ).stdout
        self.assertEqual([line for line in text.splitlines() if " bd_" not in line], [])


if __name__ == "__main__":
    unittest.main()

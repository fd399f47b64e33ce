"""Jobs that run one after the other in one process are what each is alone."""

import os
import subprocess
import unittest

from inputs import random_images, write_set
from results import contents
from support import BASE, RunTest, job_text, purify

IN_ONE_PROCESS = os.environ["BARYDEF_IN_ONE_PROCESS"]


class OneProcess(RunTest):
    def test_second_run_is_what_it_is_alone(self):
        """One run is followed by one that is refused and by one of other parameters and images."""
        write_set(os.path.join(self.folder, "set.h5"), {"a": random_images(5)})
        write_set(os.path.join(self.folder, "other.h5"), {"b": random_images(3, 3, seed=1)})
        jobs = [
            {"sweep.solver.gamma": "0.1, 0.5", "solver.iterations": "2, 5"},
            {"input.attacks": "none of these"},
            {"input.file": "other.h5", "marginals.set": "B4", "solver.window": "full"},
        ]
        paths = []
        for i, job in enumerate(jobs):
            paths.append(os.path.join(self.folder, f"{i}.ini"))
            with open(paths[-1], "w") as file:
                file.write(job_text({**BASE, **job, "output.file": f"{i}.h5"}))
        finished = subprocess.run(
            [IN_ONE_PROCESS, *paths], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(finished.returncode, 2, finished.stderr)
        self.assertIn('no attack "none of these"', finished.stderr)
        for i in (0, 2):
            alone = purify(self.folder, jobs[i], output="alone.h5")
            self.assert_same(contents(os.path.join(self.folder, f"{i}.h5")), contents(alone))
            os.unlink(alone)


if __name__ == "__main__":
    unittest.main()

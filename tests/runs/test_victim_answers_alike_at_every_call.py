"""A victim gives the digits of what is written in it at its first, second and hundredth call."""

import os
import subprocess
import unittest

from inputs import write_victim
from support import DEMO_VICTIM, RunTest, need_victim

import numpy as np

VICTIM_CALLS = os.environ.get("BARYDEF_VICTIM_CALLS")
CALLS, SHAPE = 100, (8, 1, 8, 10)

# The class of an image is a number made of all bits of these values, so that one digit that
# changes anywhere changes it.
BITS = """
    mantissa, exponent = torch.frexp(self.values(x).flatten(1))
    bits = (mantissa * 2**24).long() * 1009 + exponent
    bits = (bits * torch.arange(1, bits.size(1) + 1)).sum(1).remainder(997)
    return (bits.unsqueeze(1) == torch.arange(997)).float()
"""

# What libtorch makes something else of once it has seen a call: chains that it fuses (pytorch issue
# 74534), and products of matrices that it joins to one.
VALUES = {
    "swish": "return x * torch.sigmoid(x)",
    "tanh": "return torch.tanh(torch.tanh(x) * 1.7 + 0.3)",
    "chain": """
        for i in range(5):
            x = x * torch.sigmoid(x) + 0.3 * torch.exp(-x * x) - torch.log1p(x * x)
        return x
    """,
    "matrices": """
        w = torch.sin(torch.arange(64.0)).view(8, 8)
        x = x.flatten(1)
        return (
            torch.mm(x[:, :8], w) + torch.mm(x[:, 8:16], 2 * w)
            + torch.mm(x[:, 16:24], 3 * w) + torch.mm(x[:, 24:32], 4 * w)
        )
    """,
    "recurrent": """
        h = torch.zeros(x.size(0), 8)
        w = torch.sin(torch.arange(64.0)).view(8, 8)
        for i in range(x.size(2)):
            h = torch.tanh(torch.mm(x[:, 0, i, :8], w) + torch.mm(h, w))
        return h
    """,
}


def pixels(*shape):
    """The images that victim_calls.c shows."""
    state, values = 1, []
    for _ in range(np.prod(shape)):
        state = (1664525 * state + 1013904223) % 2**32
        values.append((state >> 8) / 2**24)
    return np.array(values, "f4").reshape(shape)


class Calls(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.torch = need_victim()

    def asked(self, path, images, channels, height, width):
        """(seconds, classes as text) of each call."""
        finished = subprocess.run(
            [VICTIM_CALLS, path, *map(str, (images, channels, height, width, CALLS))],
            capture_output=True,
            text=True,
            timeout=100,
        )
        self.assertEqual((finished.returncode, finished.stderr), (0, ""))
        lines = [line.partition(" ")[::2] for line in finished.stdout.splitlines()]
        self.assertEqual(len(lines), 1 + CALLS)
        return [(float(seconds), classes) for seconds, classes in lines[1:]]

    def test_every_call_gives_the_digits_of_what_is_written(self):
        path, seen = os.path.join(self.folder, "victim.pt"), set()
        for name, values in VALUES.items():
            write_victim(path, BITS, values=values)
            answers = {classes for _, classes in self.asked(path, *SHAPE)}
            with self.torch.no_grad():
                written = self.torch.jit.load(path)(self.torch.from_numpy(pixels(*SHAPE)))
            self.assertEqual(answers, {" ".join(map(str, written.argmax(1).tolist()))}, name)
            seen |= answers
        self.assertEqual(len(seen), len(VALUES))

    def test_the_first_batches_wait_for_no_compiler(self):
        """libtorch with LLVM takes minutes to compile what it fuses, at one of the first calls."""
        calls = self.asked(DEMO_VICTIM, 64, 1, 28, 28)
        self.assertEqual(len({classes for _, classes in calls}), 1)
        usual = sorted(seconds for seconds, _ in calls)[CALLS // 2]
        self.assertLess(sum(seconds for seconds, _ in calls[:5]), 5 + 20 * usual)


if __name__ == "__main__":
    unittest.main()

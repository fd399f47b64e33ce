"""Bad victims: one clear line, exit status 2, and nothing is written."""

import os
import unittest

from bad_input import BadInput
from inputs import write_victim
from support import need_victim


# name: (body of forward, what the line must name beside the file).  Images are [n, 2, 7, 9], labels
# 0 to 5.
BAD_VICTIMS = {
    "gives images": ("return x", ["2, 7, 9"]),
    "gives one number for an image": ("return x.sum((1, 2, 3))", []),
    "gives one row for all": ("return x.flatten(1)[:1]", []),
    "gives a tuple of two": ("return (x.flatten(1), 2 * x.flatten(1))", ["2 tensors"]),
    "gives a number": ("return 3", []),
    "gives NaN": ("return x.flatten(1) * float('nan')", ["NaN"]),
    "throws": ("raise RuntimeError('out of order')\nreturn x", ["out of order"]),
    "wants other images": (
        "return torch.conv2d(x, torch.ones(4, 3, 3, 3)).flatten(1)",
        ["2 x 7 x 9"],
    ),
    "knows too few classes": ("return x.flatten(1)[:, :5]", ["set.h5", "labels", "5"]),
    "takes no images": ("return 1", [], "self"),
}


class BadVictims(BadInput):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.torch = need_victim()

    def bad_victim(self, name, ranks=0):
        body, words, *arguments = BAD_VICTIMS[name]
        return self.case(
            name,
            {"victim.file": "victim.pt"},
            ["victim.pt", *words],
            ranks=ranks,
            victim=[body, *arguments],
        )

    def test_bad_victims_are_refused(self):
        self.refused(map(self.bad_victim, BAD_VICTIMS))

    def test_bad_victim_files_are_refused(self):
        with open(write_victim(os.path.join(self.folder, "good.pt")), "rb") as file:
            good = file.read()
        self.torch.save({"weight": self.torch.zeros(3)}, os.path.join(self.folder, "weights.pt"))
        with open(os.path.join(self.folder, "weights.pt"), "rb") as file:
            weights = file.read()
        files = {
            "empty": b"",
            "text": b"def forward\n" * 100,
            "half": good[: len(good) // 2],
            "weights without a program": weights,
        }
        self.refused(
            [
                self.case("missing", {"victim.file": "no.pt"}, ["no.pt"]),
                self.case("a folder", {"victim.file": "folder"}, ["folder"]),
                *(
                    self.data_case(name, "victim.pt", data, {"victim.file": "victim.pt"})
                    for name, data in files.items()
                ),
            ]
        )

    def test_one_rank_reports_for_all(self):
        for ranks in 1, 2:
            missing = self.case("missing", {"victim.file": "no.pt"}, ["no.pt"], ranks=ranks)
            names = "gives images", "knows too few classes"
            self.refused([missing, *(self.bad_victim(name, ranks) for name in names)])


if __name__ == "__main__":
    unittest.main()

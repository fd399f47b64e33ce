"""Of many mutated files none makes the program crash, hang, or take more memory than is allowed.

    test_mutated_files_crash_nothing.py                     300 files; with BARYDEF_LONG 5000
    test_mutated_files_crash_nothing.py --count 20000       as many as that; --seed N for others

Half are sets of images, which the library opens and reads.  A quarter are results for "barydef
check", "inspect" and "run --resume".  Half of these are not complete, and their marks are believed,
so that they are finished.  A quarter are job files for the library.  One in 25 is a set for
"barydef run".  A file that fails the test is kept in a folder that is named."""

import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
import time

from mutations import mutate
from watched import CLOCK, MEMORY, in_child, parse_job, read_set, run_program

SECONDS = 10  # of the processor
SLACK = 48  # MiB for pages of libraries, the pipe, and the survey
LONG = bool(os.environ.get("BARYDEF_LONG"))
SLOW = float(os.environ.get("BARYDEF_PATIENCE", 1)) > 1  # sanitizers


class Campaign:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="barydef-campaign-")
        maker = os.fork()  # HDF5 of h5py stays out of this process
        if maker == 0:
            from mutation_seeds import make_seeds

            make_seeds(self.folder)
            os._exit(0)
        if os.waitpid(maker, 0)[1]:
            raise SystemExit("the seeds could not be made")
        self.seeds = collections.defaultdict(list)
        for name in sorted(os.listdir(self.folder)):
            if name[-2:] in ("h5", "ni") and "-" in name:
                with open(os.path.join(self.folder, name), "rb") as file:
                    self.seeds[name.split("-")[0]].append(file.read())
        self.quiet = {
            command: run_program(*command)[2]
            for command in (
                ("inspect", os.path.join(self.folder, "set-0.h5")),
                ("check", os.path.join(self.folder, "result-0.h5")),
                (
                    "run",
                    os.path.join(self.folder, "job.ini"),
                    "--resume",
                    "--set=output.file=result-0.h5",
                    "--quiet",
                ),
                (
                    "run",
                    os.path.join(self.folder, "job.ini"),
                    "--overwrite",
                    "--set=output.file=other.h5",
                    "--quiet",
                ),
            )
        }
        self.quiet = {
            command[0] + command[2] if len(command) > 2 else command[0]: used
            for command, used in self.quiet.items()
        }
        self.counts, self.kept, self.most = collections.Counter(), [], 0

    def judge(self, kind, path, found, quiet=0):
        status, seconds, used, message = found
        used -= quiet
        if SLOW and "does not finish reading" in message:
            # AddressSanitizer keeps what a loop has freed, and its child has no limit of addresses.
            used = 0
        self.most = max(self.most, used)
        self.counts[
            kind,
            "refused"
            if status == 2
            else "failed"
            if status == 1
            else "read"
            if status in (0, 3)
            else "wrong",
        ] += 1
        self.counts["crashes of HDF5, met by a child"] += "HDF5 crashes" in message
        self.counts["endless in HDF5, met by a child"] += "does not finish reading" in message
        wrong = (
            "hang"
            if status == "hang" or seconds > SECONDS
            else f"status {status}"
            if status not in (0, 1, 2, 3)
            else f"{used:.0f} MiB more than a good file"
            if used > MEMORY + SLACK
            else None
        )
        if wrong:
            kept = f"{path}.{len(self.kept)}.kept"
            shutil.copy(path, kept)
            self.kept.append((kind, wrong, kept, message[:300]))
            print(f"{kind}: {wrong}: {kept}: {message[:300]}", flush=True)
        self.counts[
            "hangs"
            if wrong == "hang"
            else "crashes"
            if wrong and "status" in wrong
            else "over memory"
            if wrong
            else "good"
        ] += 1

    def mutated(self, kind, name):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(mutate(self.dice.choice(self.seeds[kind]), self.dice))
        return path

    def one(self, number):
        memory = f"--set=run.max_memory={MEMORY}"
        if number % 25 == 0:
            path = self.mutated("set", "set.h5")
            self.judge(
                "set, run",
                path,
                run_program(
                    "run",
                    os.path.join(self.folder, "job.ini"),
                    "--overwrite",
                    "--quiet",
                    memory,
                    "--set=input.file=set.h5",
                    "--set=output.file=other.h5",
                ),
                self.quiet["run--overwrite"],
            )
        elif number % 4 < 2:
            path = self.mutated("set", "set.h5")
            self.judge("set, library", path, in_child(read_set, path))
        elif number % 4 == 2:
            command = self.dice.choice(("check", "inspect", "resume", "finish", "finish", "finish"))
            path = self.mutated("partial" if command == "finish" else "result", "result.h5")
            if command in ("resume", "finish"):
                finished = run_program(
                    "run",
                    os.path.join(self.folder, "job.ini"),
                    "--resume",
                    "--quiet",
                    memory,
                    "--set=output.file=result.h5",
                    f"--set=run.verify={'marks' if command == 'finish' else 'all'}",
                )
                self.judge(f"result, {command}", path, finished, self.quiet["run--resume"])
            else:
                self.judge(
                    f"result, {command}", path, run_program(command, path), self.quiet[command]
                )
        else:
            path = self.mutated("job", "mutated.ini")
            self.judge("job", path, in_child(parse_job, path))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=5000 if LONG else 300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not LONG:
        print(f"REDUCED: {arguments.count} mutated files; --long takes 5000")
    campaign, start = Campaign(arguments.seed), time.time()
    for number in range(arguments.count):
        campaign.one(number)
        if sys.stderr.isatty() or number % 500 == 499:
            print(
                f"\r{number + 1}/{arguments.count}",
                end="" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
                flush=True,
            )
    print(
        f"\n{arguments.count} mutated files in {time.time() - start:.0f} s: "
        f"crashes {campaign.counts['crashes']}, hangs {campaign.counts['hangs']} "
        f"(over {SECONDS} s of the processor, or {CLOCK} by the clock), "
        f"over memory {campaign.counts['over memory']} "
        f"(most: {campaign.most:.0f} MiB more than a good file; "
        f"{MEMORY} allowed, and {SLACK} for libraries)"
    )
    for name, count in sorted(campaign.counts.items(), key=str):
        print(f"  {name if isinstance(name, str) else ': '.join(name)}: {count}")
    if not campaign.kept:
        shutil.rmtree(campaign.folder)
    sys.exit(bool(campaign.kept))


if __name__ == "__main__":
    main()

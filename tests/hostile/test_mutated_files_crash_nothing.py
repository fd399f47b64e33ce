"""Mutated files, many of them: nothing may crash, hang, or take more memory than is allowed.

    test_mutated_files_crash_nothing.py                     300; with BARYDEF_LONG 5000
    test_mutated_files_crash_nothing.py --count 20000       as many as that; --seed N for others

Half are sets of images, which the library opens and reads.  A quarter are results for "barydef
check", "inspect" and "run --resume"; half of these are not complete, and their marks are believed,
so that they come to be finished.  A quarter are job files for the library.  One in 25 is a set for
"barydef run".  A file that fails the test is kept in a folder that is named."""

import argparse
import collections
import ctypes
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import library

SECONDS = 10  # of the processor
CLOCK = 100  # by the clock: a child has 50 there, and the machine may be busy
MEMORY = 32  # MiB that the reader may take
SLACK = 48  # MiB for pages of libraries, the pipe, and the survey
LONG = bool(os.environ.get("BARYDEF_LONG"))
SLOW = float(os.environ.get("BARYDEF_PATIENCE", 1)) > 1  # sanitizers
SIGNATURES = (
    b"TREE",
    b"SNOD",
    b"HEAP",
    b"OHDR",
    b"OCHK",
    b"FRHP",
    b"FHDB",
    b"BTHD",
    b"BTLF",
    b"EAHD",
    b"EAIB",
    b"FAHD",
    b"GCOL",
    b"\x89HDF",
)
NAMES = (
    b"hosts\0",
    b"ranks\0",
    b"seconds\0",
    b"finished\0",
    b"complete\0",
    b"labels_checksum\0",
    b"fallbacks\0",
    b"epsilon\0",
    b"norm\0",
    b"schema",
)  # of attributes: object headers of the first kind have no signature
VALUES = [
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    1 << 15,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
]


def make_seeds(folder):
    """Small files of every layout the reader knows; a complete and a partial result; a job."""
    import h5py
    import numpy as np
    from inputs import random_images, write_set
    from support import job_text, purify

    images = random_images(5, 2, 6, 5)
    name = lambda number: os.path.join(folder, f"set-{number}.h5")
    write_set(name(0), {"a": images, "b": images}, clean=images)
    write_set(
        name(1),
        {"a": images.astype("f8")},
        clean=images.astype("f8"),
        chunks=(2, 1, 6, 5),
        compression="gzip",
        shuffle=True,
        fletcher32=True,
    )
    write_set(name(2), {"a": (images * 255).astype("u1")}, chunks=(1, 2, 4, 4), compression="gzip")
    with h5py.File(name(3), "w", libver="latest") as file:
        file.attrs["schema"], file.attrs["schema_version"] = "attacked-images", 1
        file.create_dataset("labels", data=np.arange(5), chunks=(2,), maxshape=(None,))
        file.create_dataset(
            "attacks/a/images",
            data=images,
            chunks=(2, 2, 6, 5),
            maxshape=(None, 2, 6, 5),
            compression="gzip",
        )
        file.create_dataset("attacks/b/images", data=images, chunks=(2, 2, 6, 5))
        file.create_dataset(
            "clean/images", data=images, chunks=(2, 1, 6, 5), maxshape=(None, None, 6, 5)
        )
        for number in range(20):
            file["attacks/a"].attrs[f"attribute {number}"] = "text " * number
    job = {
        "input.file": "set-0.h5",
        "solver.iterations": "2, 3",
        "sweep.solver.gamma": "0.5, 1",
        "run.block": 2,
    }
    purify(folder, job, output="result-0.h5")
    for form in "earliest", "latest":
        partial = purify(
            folder, job, "--set=run.max_minutes=1e-7", output=f"partial-{form}.h5", status=75
        )
    with open(partial, "rb") as file, open(os.path.join(folder, "result-1.h5"), "wb") as out:
        out.write(file.read())
    rewrite(partial)
    with open(os.path.join(folder, "job-0.ini"), "w") as file:
        file.write(
            job_text(
                {
                    **job,
                    "output.file": "out.h5",
                    "marginals.set": "identity + rotate 2 + translate 3 0",
                    "solver.weights": "1 1 1",
                }
            )
        )


def rewrite(path):
    """Attributes of other storage: heaps, B-trees of version 2, texts of variable length."""
    import h5py

    os.rename(path, path + ".old")

    def attributes(old, new):
        for key in old.attrs:
            kind = h5py.h5a.open(old.id, key.encode()).dtype
            new.attrs.create(
                key,
                old.attrs[key],
                dtype=h5py.string_dtype()
                if key in ("norm", "source", "solver.method", "git_revision")
                else kind,
            )

    def add(name, item):
        if isinstance(item, h5py.Group):
            attributes(item, new.create_group(name))
        else:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            made = h5py.h5d.create(
                new.id, name.encode(), item.id.get_type(), item.id.get_space(), plan
            )
            made.write(h5py.h5s.ALL, h5py.h5s.ALL, item[...])
            attributes(item, new[name])

    with h5py.File(path + ".old") as old, h5py.File(path, "w", libver="latest") as new:
        attributes(old, new)
        old.visititems(add)
    os.unlink(path + ".old")


def mutate(data, dice):
    data = bytearray(data)
    landmarks = [at for mark in SIGNATURES + NAMES for at in find_all(data, mark)] or [24]
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        if not data:
            break
        where = dice.random()
        at = (
            max(0, dice.choice(landmarks) + dice.randrange(-24, 72))
            if where < 0.5
            else dice.randrange(min(len(data), 2048))
            if where < 0.7
            else dice.randrange(len(data))
        )
        at = min(at, len(data) - 1)
        kind = dice.randrange(9)
        if kind < 2:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 2:
            data[at] = dice.randrange(256)
        elif kind < 6:
            size, form = dice.choice(((2, "<H"), (4, "<I"), (8, "<Q")))
            value = dice.choice(VALUES + [len(data), len(data) - at, at, *landmarks[:9]])
            data[at : at + size] = struct.pack(form, value & (1 << 8 * size) - 1)
        elif kind == 6:
            end = at + dice.randrange(1, 64)
            source = dice.randrange(len(data))
            data[at:end] = data[source : source + end - at]
        elif kind == 7:
            length = dice.randrange(1, 32)
            data[at : at + length] = (
                bytes(length)
                if dice.random() < 0.5
                else dice.randbytes(length)
                if dice.random() < 0.5
                else b""
            )
        elif dice.random() < 0.3:
            del data[at:]
    return bytes(data)


def find_all(data, mark):
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


# ---- what is done with a file, in a child process ------------------------------------


class Info(ctypes.Structure):
    _fields_ = [
        ("dataset", ctypes.c_char * 64),
        ("count", ctypes.c_int64),
        ("channels", ctypes.c_int),
        ("height", ctypes.c_int),
        ("width", ctypes.c_int),
        ("attack_count", ctypes.c_int),
    ]


def read_set(path):
    lib, images, error = library.lib, ctypes.c_void_p(), library.Error()
    lib.bd_images_info.restype = ctypes.POINTER(Info)
    status = lib.bd_images_open(
        path.encode(), ctypes.c_int64(MEMORY << 20), ctypes.byref(images), ctypes.byref(error)
    )
    if status:
        return status, error.message
    info = lib.bd_images_info(images).contents
    pixels = (ctypes.c_double * (info.channels * info.height * info.width))()
    for attack in range(info.attack_count):
        for first in range(min(info.count, 50)):
            status = status or lib.bd_images_read(
                images,
                attack,
                ctypes.c_int64(first),
                ctypes.c_int64(1),
                pixels,
                ctypes.byref(error),
            )
    lib.bd_images_close(images)
    return status, error.message


def parse_job(path):
    job, error = ctypes.c_void_p(), library.Error()
    status = library.lib.bd_job_load(path.encode(), 0, None, ctypes.byref(job), ctypes.byref(error))
    return status, error.message


def in_child(work, path):
    """(exit status or -signal, seconds of the processor, MiB more than before, message)"""
    start = time.time()
    ends = os.pipe()
    process = os.fork()
    if process == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        status, message = work(path)
        os.write(ends[1], message)
        os._exit(status)
    os.close(ends[1])
    status, usage = wait(process, start)
    message = os.read(ends[0], 2000)
    os.close(ends[0])
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        status,
        usage.ru_utime + usage.ru_stime,
        (usage.ru_maxrss - own) / 1024,
        message.decode(errors="replace"),
    )


def wait(process, start):
    while True:
        ended, status, usage = os.wait4(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage
        if time.time() - start > CLOCK:
            os.kill(process, signal.SIGKILL)
            _, _, usage = os.wait4(process, 0)
            return "hang", usage
        time.sleep(0.0005)


def run_program(*arguments):
    from support import ENVIRONMENT, PROGRAM

    start = time.time()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=out, env=ENVIRONMENT
        )
        status, usage = wait(process.pid, start)
        process.returncode = 0
        out.seek(0)
        message = out.read().decode(errors="replace")
    return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, message


class Campaign:
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="barydef-campaign-")
        maker = os.fork()  # HDF5 of h5py stays out of this process
        if maker == 0:
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
        if (
            SLOW and "does not finish reading" in message
        ):  # AddressSanitizer keeps what a loop has freed, and its child has no limit of addresses
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

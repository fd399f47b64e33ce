"""Measures how runs scale on this machine and writes docs/scaling.md and docs/scaling.png:

    cmake --build build --target scaling          (a few minutes, on idle cores)

Ends with 1 and names each figure of this machine that misses what is promised below.  BARYDEF_DATA
names a folder with mnist.h5 and victims/mnist.pt; without it the demo set serves."""

import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from scaling_model import SCALE, check_model, costs, imagenet_compute
from scaling_runs import command, figures, run, spread

import h5py
import numpy as np

import scale
from support import DEMO_SET, DEMO_VICTIM, ENVIRONMENT, PEAK, SOURCE, peaks, ranks_of

DATA = os.environ.get("BARYDEF_DATA")
REPEATS = {"demo set (1,500 images)": 15}  # a second each

# What is promised: how many times the images per second of one rank two make, how many percent of
# the time messages and writing take, and how much the memory of a rank changes with the number of
# images.
RATIO_LEAST, GATHER_MOST, MEMORY_MOST = 1.9, 2, 0.05


def rounds_of(folder, job, count):
    """In each round: a run of 1 rank, one of 2, and what the cores themselves allow.  The last is
    the images per second of two runs at once that know nothing of each other, over those of one.
    """
    folders = [os.path.join(folder, name) for name in "ab"]
    for each in folders:
        os.makedirs(each, exist_ok=True)
    with ThreadPoolExecutor(2) as threads:
        for _ in range(count):
            one, two = run(folder, job, 1), run(folder, job, 2)
            apart = list(threads.map(lambda each: run(each, job, 1), folders))
            yield one, two, sum(r["rate"] for r in apart) / one["rate"]


def missed(found):
    """What is not as promised among figures (name, value, least, most), in words."""
    return [
        f"{name}: {value:.3f}, promised is "
        + (f"at least {least:g}" if value < least else f"at most {most:g}")
        for name, value, least, most in found
        if not least <= value <= most
    ]


def efficiency(folder, jobs, found):
    rows = [
        "| set, rounds | images/s | 2 ranks | 2 apart | at work, % | writing, % | messages, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, job in jobs.items():
        ones, twos, apart = zip(*rounds_of(folder, job, REPEATS.get(name, 5)))
        ratios = [two["rate"] / one["rate"] for one, two in zip(ones, twos)]
        found += [
            (f"two ranks over one, {name}", statistics.median(ratios), RATIO_LEAST, float("inf")),
            (
                f"messages and writing in %, {name}",
                statistics.median(t["write"] + t["message"] for t in twos),
                0,
                GATHER_MOST,
            ),
        ]
        cells = [
            f"{name.split()[0]}, {len(ones)}",
            spread([one["rate"] for one in ones], 0),
            spread(ratios),
            spread(apart),
            spread([t["load"] for t in twos], 1),
            spread([t["write"] for t in twos], 1),
            spread([t["message"] for t in twos]),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def memory(folder, found):
    """Peak resident memory of each of 2 ranks, by the number of images of a generated set, for one
    run and for points that share moved images."""
    rows = [
        "| images | rank 0, MiB | rank 1, MiB | rank 0, four points | rank 1, four points |",
        "|---|---|---|---|---|",
    ]
    path = os.path.join(folder, "large.h5")
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs.update(schema="attacked-images", schema_version=1, dataset="noise")
        file["labels"] = np.zeros(100000, "i8")
        images = file.create_dataset("attacks/a/images", (100000, 1, 28, 28), "f4")
        for start in range(0, 100000, 1000):
            images[start : start + 1000] = random.random((1000, 1, 28, 28), "f4")
    jobs = {
        "one run": {"solver.iterations": 5},
        "four points": {
            "solver.iterations": 1,
            "sweep.solver.gamma": "0.02, 0.1, 0.5, 1",
            "output.images": "no",
        },
    }
    first = {}
    for count in 1000, 10000, 100000:
        cells = []
        for name, job in jobs.items():
            job = {"input.file": path, "input.limit": count, **job}
            finished = subprocess.run(
                command(folder, job, 2, sys.executable, "-c", PEAK),
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                timeout=1200,
            )
            now = peaks(finished.stderr)
            over = [peak / least for peak, least in zip(now, first.setdefault(name, now))]
            cells += [f"{peak:.1f} (x {ratio:.3f})" for peak, ratio in zip(now, over)]
            found += [
                (
                    f"memory of rank {rank}, {name}, {count} images over 1000",
                    ratio,
                    1 - MEMORY_MOST,
                    1 + MEMORY_MOST,
                )
                for rank, ratio in enumerate(over)
            ]
        rows.append(f"| {count} | {' | '.join(cells)} |")
    return rows


def slow_rank(folder, job):
    """Rank 1 is stopped nine tenths of the time, and in another run once for three seconds."""

    def start():
        return subprocess.Popen(
            command(folder, job, 2),
            env={**ENVIRONMENT, "OMPI_MCA_mpi_yield_when_idle": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rank_one(process):
        while True:
            ranks = ranks_of(process)
            if len(ranks) == 2:
                return max(ranks)

    def pulses(number, process):
        while process.poll() is None:
            try:
                os.kill(number, signal.SIGSTOP)
                time.sleep(0.018)
                os.kill(number, signal.SIGCONT)
                time.sleep(0.002)
            except ProcessLookupError:
                return

    one, two = run(folder, job, 1), run(folder, job, 2)
    process = start()
    number = rank_one(process)
    time.sleep(0.7)  # while it starts
    thread = threading.Thread(target=pulses, args=(number, process))
    thread.start()
    slow = figures(process.communicate()[0])
    thread.join()
    process = start()
    number = rank_one(process)
    time.sleep(1.5)
    os.kill(number, signal.SIGSTOP)
    time.sleep(3)
    os.kill(number, signal.SIGCONT)
    stopped = figures(process.communicate()[0])
    rate = {name: r["rate"] for name, r in (("one", one), ("two", two), ("slow", slow))}
    one_share, slow_share = rate["one"] / rate["two"], rate["slow"] / rate["two"]
    return [
        "- One of two ranks at a tenth of its speed (stopped 18 ms of every 20):"
        f" {rate['slow']:.0f} images/s, {slow_share:.2f} of two\n"
        f"  whole ranks ({rate['two']:.0f}). One rank alone makes {one_share:.2f} of them,"
        f" and a rank and a tenth would make {1.1 * one_share:.2f}.",
        f"- One of two ranks stopped for 3 s: {stopped['seconds']:.1f} s instead of"
        f" {two['seconds']:.1f}; its share of the loss is 1.5 s.",
    ]


def verdict(found):
    return (
        f"The target ends with an error, and names the figure, where two ranks make less than"
        f" {RATIO_LEAST:g} times the images per\n"
        f"second of one, where messages and writing take more"
        f" than {GATHER_MOST} % of the time, or where the memory of a rank changes by\nmore than"
        f" {100 * MEMORY_MOST:g} % from 1,000 images to 100,000.\n"
        + (
            "Missed here: " + "; ".join(missed(found)) + "."
            if missed(found)
            else "Nothing is missed here."
        )
    )


def end(lines):
    """What sys.exit gets: the lines, or success where there are none."""
    return "\n".join(f"scaling.py: {line}" for line in lines) or 0


def main():
    folder = tempfile.mkdtemp(prefix="barydef-scaling-")
    demo = {"input.file": DEMO_SET, "victim.file": DEMO_VICTIM}
    jobs = {"demo set (1,500 images)": demo}
    if DATA:
        jobs["MNIST (8,000 images)"] = {
            "input.file": os.path.join(DATA, "mnist.h5"),
            "victim.file": os.path.join(DATA, "victims", "mnist.pt"),
        }
    try:
        found = []
        lines = efficiency(folder, jobs, found)
        print("\n".join(lines), flush=True)
        slow = slow_rank(folder, list(jobs.values())[-1])
        print("\n".join(slow), flush=True)
        resident = memory(folder, found)
        cost = costs(folder)
        check = check_model(folder, cost)
        compute = imagenet_compute(folder)
        runs = scale.sweep(
            SCALE,
            {**cost, "compute": compute},
            {"images": 50000, "attacks": 10, "runs": 24, "pixels": 150528},
            [4, 16],
        )
        scale.plot(
            os.path.join(SOURCE, "docs", "scaling.png"),
            "ImageNet validation, 10 attacks, 24 runs",
            runs,
        )
    finally:
        shutil.rmtree(folder)
    by = {(r.block, r.all_write, r.ranks): r for r in runs}
    saturated = {
        block: next((r for r in scale.RANKS if by[block, False, r].speedup < 0.9 * r), None)
        for block in (4, 16)
    }
    table = [
        "| ranks | rank 0 writes: times as fast | its time, % "
        "| all write: times as fast | time of rank 0, % | hours |",
        "|---|---|---|---|---|---|",
    ]
    for r in [1, 4, 16, 64, 256, 512, 1024, 2048, 4096, 16384]:
        root, every = by[16, False, r], by[16, True, r]
        table.append(
            f"| {r} | {root.speedup:.1f} | {100 * root.served:.1f} "
            f"| {every.speedup:.1f} | {100 * every.served:.1f} | {every.seconds / 3600:.2f} |"
        )
    processor = next(
        line.split(":")[1].strip()
        for line in open("/proc/cpuinfo")
        if line.startswith("model name")
    )
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    with open(os.path.join(os.path.dirname(__file__), "scaling.md.in")) as file:
        page = file.read()
    text = page.format(
        date=time.strftime("%Y-%m-%d"),
        machine=f"{processor}, {os.cpu_count()} cores, {system}",
        verdict=verdict(found),
        efficiency="\n".join(lines),
        slow="\n".join(slow),
        memory="\n".join(resident),
        message=1e6 * cost["message"],
        write=1e6 * cost["write"],
        byte=1e9 * cost["byte"],
        rate=1e-6 / cost["byte"],
        check="\n".join(check),
        image=compute,
        hours=50000 * 240 * compute / 3.6e6,
        size=50000 * 240 * 602112 / 1e12,
        ranks="\n".join(table),
        lost_16=saturated[16] or "more than 16384",
        lost_4=saturated[4] or "more than 16384",
    )
    with open(os.path.join(SOURCE, "docs", "scaling.md"), "w") as file:
        file.write(text)
    print(text)
    return missed(found)


if __name__ == "__main__":
    sys.exit(end(main()))

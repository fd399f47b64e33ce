"""Reads a file by the library or the program, in a process whose time and memory are watched."""

import ctypes
import os
import resource
import signal
import subprocess
import tempfile
import time

import library
from support import ENVIRONMENT, PROGRAM

CLOCK = 100  # seconds by the clock: a child has 50 there, and the machine may be busy
MEMORY = 32  # MiB that the reader may take


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
    """(status, message) of opening a set and reading all its images."""
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
    """(status, message) of loading a job."""
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
    """(exit status or -signal or "hang", what it used)"""
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
    """What in_child returns, of the program; the memory is all that it took."""
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

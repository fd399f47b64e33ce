"""Changes of a file's bytes that reach far: at what HDF5 looks for, and by numbers at a limit."""

import struct

# What HDF5's parts of a file begin with, and attributes: object headers of the first kind have no
# signature of their own.
SIGNATURES = b"TREE SNOD HEAP OHDR OCHK FRHP FHDB BTHD BTLF EAHD EAIB FAHD GCOL \x89HDF".split()
NAMES = (
    *(b"hosts\0", b"ranks\0", b"seconds\0", b"finished\0", b"complete\0", b"labels_checksum\0"),
    *(b"fallbacks\0", b"epsilon\0", b"norm\0", b"schema"),
)
LANDMARKS = (*SIGNATURES, *NAMES)
# Beside the limits of each integer type.
VALUES = [
    *(0, 1, 2, 7, 8, 127, 128, 255, 256, 1 << 15, 1 << 16),
    *((1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40),
    *((1 << 63) - 1, 1 << 63, (1 << 64) - 1),
]


def mutate(data, dice):
    """Data with one to eight changes: half of them near a landmark, where HDF5 will look."""
    data = bytearray(data)
    landmarks = [at for mark in LANDMARKS for at in find_all(data, mark)] or [24]
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
    """Every place of a mark."""
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)

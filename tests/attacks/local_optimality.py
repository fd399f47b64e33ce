"""How near do attacks come to the smallest perturbations?  AttackBench's local optimality.

    local_optimality.py SET NORM FOLDER [--images N] [--only TEXT]    measure, into FOLDER
    local_optimality.py --table FOLDER                                 print what was measured

AttackBench (Cina et al., AAAI 2025) gives an attack 2,000 forward and backward passes an image, and
notes the smallest adversarial perturbation among all images that it shows to the victim.  What is
compared is the area under the curve of robust accuracy, beside that of the pool of all attacks: 1
is as good as the pool.  Attacks of a given radius are led to the smallest by its binary search.

It needs a virtual environment over Debian's torch.  attackbenchlib asks for a later torch and for
packages that only its model zoo and its uploads use, hence --no-deps:

    python3 -m venv --system-site-packages bench
    bench/bin/pip install --no-deps attackbenchlib==2.0.2 adv-lib==0.2.8 foolbox==3.3.4 \\
        torchattacks==3.5.1 eagerpy==0.30.0 GitPython==3.1.46 gitdb==4.0.12 smmap==5.0.2 \\
        tqdm==4.67.1

A row is an attack and settings, those that AttackBench has for it; each library runs its own
version, and "native" is src/attack by libnative_attacks.so of the build."""

import argparse
import contextlib
import ctypes
import io
import json
import os
import sys
import time
import types
import warnings
from collections import namedtuple
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded

import h5py
import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
DATA = os.environ.get("BARYDEF_DATA", os.path.join(os.path.dirname(SOURCE), "shared", "data"))
LIBRARY = os.environ.get(
    "BARYDEF_NATIVE_ATTACKS", os.path.join(SOURCE, "build", "tests", "libnative_attacks.so")
)
DRAWS = 500  # of images, for the standard error
BATCH = 20  # AttackBench compares each image that is shown with all of a batch
SEARCHES = 20  # of the binary search over epsilon
# Where it begins.  AttackBench has 1/255 for linf.  On grey images targeted APGD then spends all
# its passes before it comes to a radius that succeeds.
STARTS = {"mnist": {"linf": 0.1, "l2": 1.0}, "fashion_mnist": {"linf": 0.1, "l2": 1.0}}
STARTS["cifar10"] = {"linf": 1 / 255, "l2": 1.0}
LARGEST = {"linf": 1.0, "l2": None}


class Absent(types.ModuleType):
    """A module that is imported and not used."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")

    def __call__(self, *words, **named):
        raise RuntimeError(f"{self.__name__} is not installed")


# AttackBench imports them for its uploads and its data sets, adv-lib for its plots.
for absent in "wandb", "torchvision", "torchvision.datasets", "torchvision.transforms", "visdom":
    try:
        __import__(absent)
    except ImportError:
        sys.modules[absent] = Absent(absent)


# --- the native attacks -------------------------------------------------------------------------

Floats, Weigh = ctypes.POINTER(ctypes.c_float), ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
)


class Images(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int), ("numbers", ctypes.c_void_p), ("pixels", Floats)]


class Weights(ctypes.Structure):
    _fields_ = [("weigh", Weigh), ("state", ctypes.c_void_p)]


Logits = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Images), Floats, ctypes.c_void_p
)
Gradient = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.POINTER(Images),
    ctypes.POINTER(Weights),
    Floats,
    Floats,
    ctypes.c_void_p,
)


class Model(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("channels", "height", "width", "classes")),
        ("state", ctypes.c_void_p),
        ("logits", Logits),
        ("gradient", Gradient),
    ]


class Options(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_char_p) for name in ("type", "norm", "loss")),
        *((name, ctypes.c_double) for name in ("epsilon", "step_size")),
        *((name, ctypes.c_int) for name in ("steps", "restarts", "seed")),
    ]


class Task(ctypes.Structure):
    _fields_ = [
        ("options", ctypes.c_void_p),
        ("count", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("numbers", "images", "labels")),
    ]


class Outcome(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("images", "predicted", "forward", "backward")]


def callbacks(model, shape):
    """A Model of a classifier of PyTorch."""

    def tensor(images):
        count = images.contents.count
        return torch.tensor(np.ctypeslib.as_array(images.contents.pixels, (count, *shape)))

    def put(target, values):
        if target:
            np.ctypeslib.as_array(target, values.shape)[:] = values

    def logits(_, images, target, error):
        with torch.no_grad():
            put(target, model(tensor(images)).numpy())
        return 0

    def gradient(_, images, weights, target, slopes, error):
        x = tensor(images).requires_grad_()
        found = model(x)
        values = np.ascontiguousarray(found.detach().numpy(), np.float32)
        rows, given = np.arange(len(x), dtype=np.int32), np.empty_like(values)
        weights.contents.weigh(
            weights.contents.state, len(x), rows.ctypes.data, values.ctypes.data, given.ctypes.data
        )
        put(target, values)
        put(slopes, torch.autograd.grad((found * torch.tensor(given)).sum(), x)[0].numpy())
        return 0

    return logits, gradient


def native(model, inputs, labels, **options):
    """(images, which are misclassified) by an attack of src/attack."""
    x = np.ascontiguousarray(inputs.numpy(), np.float32)
    shape, count = x.shape[1:], len(x)
    # Other numbers have other random starts.  A seed of all is what AttackBench has set.
    numbers = torch.randint(2**31, (count,)).numpy()
    classes = np.ascontiguousarray(labels, np.int32)
    images, predicted = np.empty_like(x), np.empty(count, np.int32)
    passes = np.empty((2, count), np.int64)
    logits, gradient = callbacks(model, shape)
    described = Model(*shape, model.num_classes, None, Logits(logits), Gradient(gradient))
    usual = {"loss": "ce", "epsilon": 0.0, "step_size": 0.0, "steps": 0, "restarts": 1, "seed": 0}
    wanted = {
        key: value.encode() if isinstance(value, str) else value
        for key, value in {**usual, **options}.items()
    }
    task = Task(None, count, *(one.ctypes.data for one in (numbers, x, classes)))
    outcome = Outcome(*(one.ctypes.data for one in (images, predicted, *passes)))
    message = ctypes.c_char_p()
    status = ctypes.CDLL(LIBRARY).native_attack(
        ctypes.byref(described),
        ctypes.byref(Options(**wanted)),
        ctypes.byref(task),
        ctypes.byref(outcome),
        ctypes.byref(message),
    )
    if status:
        raise RuntimeError(message.value.decode())
    return torch.tensor(images), torch.tensor(predicted != classes)


def native_nearest(model, inputs, labels, **options):
    """The images of an attack that looks for the smallest perturbation."""
    return native(model, inputs, labels, **options)[0]


def native_search(model, inputs, labels, **options):
    """The images of an attack of a given radius, by AttackBench's binary search."""
    norm, start = options["norm"], options.pop("start")
    found, low = inputs.clone(), torch.zeros(len(inputs), dtype=torch.float64)
    best = torch.full_like(low, 2 * LARGEST[norm] if LARGEST[norm] else float("inf"))
    is_found, radius = torch.zeros(len(low), dtype=torch.bool), torch.full_like(low, start)
    for _ in range(SEARCHES):
        if model.is_out_of_query_budget:
            break
        made, is_fooled = inputs.clone(), torch.zeros_like(is_found)
        for one in torch.unique(radius):
            at = radius == one
            made[at], is_fooled[at] = native(
                model, inputs[at], labels[at], **{**options, "epsilon": float(one)}
            )
        better = is_fooled & (radius < best)
        found[better] = made[better]
        is_found |= better
        low, best = torch.where(better, low, radius), torch.where(better, radius, best)
        radius = torch.where(is_found | (2 * low >= best), (low + best) / 2, 2 * low)
    return found


# --- what is compared ---------------------------------------------------------------------------

# A row: an attack with settings, and who runs it, by library.
Row = namedtuple("Row", "name norms runs")


def of_ours(how, kind, **options):
    def made(norm, start):
        begins = {"start": start} if how is native_search else {}
        return partial(how, type=kind, norm=norm, **begins, **options)

    return made


def of_others(library, name, getter=None, **settings):
    """An attack of a library as AttackBench wraps it, with its own settings but for these."""

    def made(norm, start):
        module = __import__(f"attackbench.attacks.{library}.configs", fromlist=["configs"])
        prefix = module._prefix
        usual = getattr(module, f"{prefix}_{name}", None)
        found = getattr(module, f"{prefix}_{name}_{norm}", usual)()
        get = getattr(module, f"get_{prefix}_{getter or name}")
        taken = get.__code__.co_varnames[: get.__code__.co_argcount]
        if "threat_model" not in taken and found["threat_model"] != norm:
            return None  # the library has it in the other norm alone
        known = {**found, "threat_model": norm, "init_eps": start, **settings}
        attack = get(**{key: value for key, value in known.items() if key in taken})
        if "batched" in getattr(attack, "keywords", {}):
            # torchattacks' APGD fails where one of several images is misclassified when clean.
            attack = partial(attack, batched=False)
        return lambda model, inputs, labels: module._wrapper(
            attack=attack, model=model, inputs=inputs, labels=labels
        )

    return made


def targeted_fab(norm, start):
    """AutoAttack's FAB-T.  AttackBench's wrapper leaves `targeted` unset, so it is set here."""
    from attackbench.attacks.original.fast_adaptive_boundary import FABAttack_PT

    def attack(model, inputs, labels):
        usual = {"norm": norm.capitalize(), "n_restarts": 1, "n_iter": 100, "eps": float("inf")}
        fab = FABAttack_PT(model, **usual, n_target_classes=9)
        fab.targeted = True
        return fab.perturb(inputs, labels)

    return attack


LIBRARIES = "Foolbox", "original", "torchattacks", "adv-lib"
BOTH = ("linf", "l2")
ROWS = (
    Row(
        "fgsm",
        BOTH,
        {
            "native": of_ours(native_search, "fgsm"),
            "Foolbox": of_others("foolbox", "fgm_minimal"),
            "torchattacks": of_others("torchattacks", "fgsm_minimal"),
        },
    ),
    Row(
        "pgd, 50 steps of 1/40",
        BOTH,
        {
            "native": of_ours(native_search, "pgd", steps=50, step_size=0.025),
            "Foolbox": of_others("foolbox", "pgd_minimal"),
        },
    ),
    Row(
        "pgd, 100 steps of 1/30",
        ("linf",),
        {
            "native": of_ours(native_search, "pgd", steps=100, step_size=0.01 / 0.3),
            "adv-lib": of_others("adv_lib", "pgd_minimal"),
            "Foolbox": of_others("foolbox", "pgd_minimal", num_steps=100, step_size=0.01 / 0.3),
        },
    ),
    Row(
        "deepfool",
        BOTH,
        {
            "native": of_ours(native_nearest, "deepfool"),
            "Foolbox": of_others("foolbox", "deepfool"),
            "torchattacks": of_others("torchattacks", "deepfool"),
            "original": of_others("original", "deepfool"),
        },
    ),
    Row(
        "carlini_wagner, 100 steps",
        ("l2",),
        {
            "native": of_ours(native_nearest, "carlini_wagner", steps=100),
            "Foolbox": of_others("foolbox", "cw_l2", num_steps=100),
            "torchattacks": of_others("torchattacks", "cw_l2"),
            "adv-lib": of_others("adv_lib", "cw_l2", num_steps=100),
        },
    ),
    Row(
        "carlini_wagner, 1,000 steps",
        ("l2",),
        {
            "native": of_ours(native_nearest, "carlini_wagner", steps=1000),
            "Foolbox": of_others("foolbox", "cw_l2"),
            "torchattacks": of_others("torchattacks", "cw_l2"),
            "adv-lib": of_others("adv_lib", "cw_l2"),
        },
    ),
    Row(
        "apgd, ce",
        BOTH,
        {
            "native": of_ours(native_search, "apgd", loss="ce"),
            "original": of_others("original", "apgd_minimal"),
            "torchattacks": of_others("torchattacks", "apgd_minimal"),
            "adv-lib": of_others("adv_lib", "apgd_minimal", loss_function="ce"),
        },
    ),
    Row(
        "apgd, dlr",
        BOTH,
        {
            "native": of_ours(native_search, "apgd", loss="dlr"),
            "original": of_others("original", "apgd_minimal", loss="dlr"),
            "torchattacks": of_others("torchattacks", "apgd_minimal", loss="dlr"),
            "adv-lib": of_others("adv_lib", "apgd_minimal"),
        },
    ),
    Row(
        "apgd, dlr_targeted",
        BOTH,
        {
            "native": of_ours(native_search, "apgd", loss="dlr_targeted"),
            "original": of_others("original", "apgd_t_minimal"),
            "adv-lib": of_others("adv_lib", "apgd_t_minimal"),
        },
    ),
    Row(
        "fab",
        BOTH,
        {
            "native": of_ours(native_nearest, "fab"),
            "original": targeted_fab,
            "original, untargeted": of_others("original", "fab"),
            "torchattacks": of_others("torchattacks", "fab"),
            "adv-lib": of_others("adv_lib", "fab"),
        },
    ),
)
# What has no native counterpart counts in the pool, as elsewhere.
POOL = {
    "linf": {"fmn": of_others("original", "fmn")},
    "l2": {"fmn": of_others("original", "fmn"), "ddn": of_others("adv_lib", "ddn_NQ", "ddn")},
}


class Plain(torch.nn.Module):
    """A classifier that may have hooks, which TorchScript has not."""

    def __init__(self, script):
        super().__init__()
        self.script = script

    def forward(self, x):
        return self.script(x)


def load(name, count):
    """(model, batches) of the clean images of a set."""
    with h5py.File(os.path.join(DATA, name + ".h5")) as file:
        images, labels = file["clean/images"][:count], file["labels"][:count]
    model = torch.jit.load(os.path.join(DATA, "victims", name + ".pt")).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    pairs = torch.utils.data.TensorDataset(
        torch.tensor(images.astype("f4")), torch.tensor(labels).long()
    )
    return Plain(model).eval(), torch.utils.data.DataLoader(pairs, batch_size=BATCH)


def tasks(norm, start):
    """(row, library, attack) of all that is run in a norm.  A search begins with radius `start`."""
    for row in ROWS:
        for library, make in row.runs.items() if norm in row.norms else ():
            attack = make(norm, start)
            if attack:
                yield row.name, library, attack
    for name, make in POOL[norm].items():
        yield "pool", name, make(norm, start)


def measure(arguments):
    import attackbench

    torch.set_num_threads(1)
    os.makedirs(arguments.folder, exist_ok=True)
    for row, library, attack in tasks(arguments.norm, STARTS[arguments.set][arguments.norm]):
        key = f"{arguments.set}-{arguments.norm}-{row}-{library}-seed{arguments.seed}"
        key = key.replace(" ", "_").replace("/", "_")
        path = os.path.join(arguments.folder, key + ".json")
        if os.path.exists(path) or arguments.only not in key:
            continue
        torch._C._jit_set_texpr_fuser_enabled(False)
        model, batches = load(arguments.set, arguments.images)
        start = time.process_time()
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            found = attackbench.run_attack(
                model,
                batches,
                attack,
                arguments.norm,
                device=torch.device("cpu"),
                seed=arguments.seed,
                debug=True,  # or it goes on where an attack fails
            )
        kept = {name: found[name] for name in ("correct", "num_forwards", "num_backwards")}
        kept.update(distances=found["distances"][arguments.norm], row=row, library=library)
        kept.update(set=arguments.set, norm=arguments.norm, seconds=time.process_time() - start)
        with open(path + ".part", "w") as file:
            json.dump(kept, file)
        os.replace(path + ".part", path)
        print(f"{key}: {kept['seconds']:.0f} s, {np.median(kept['distances']):.5f}", flush=True)


def results(folder):
    """What was measured: {(set, norm): [entries]}."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name)) as file:
                one = json.load(file)
            found.setdefault((one["set"], one["norm"]), []).append(one)
    return found


def best_known(entries):
    """The smallest distance that any of them found, of each image."""
    best = np.full(max(len(one["distances"]) for one in entries), np.inf)
    for one in entries:
        of_one = best[: len(one["distances"])]
        np.minimum(of_one, one["distances"], out=of_one)
    return best


def score(entry, pool, images):
    """Local optimality on some images.  Those that were wrong when clean have a distance of 0."""
    from attackbench.metrics.distances import eval_optimality

    found = np.array(entry["distances"])[images]
    return eval_optimality(found, pool[images], float(np.mean(np.array(entry["correct"])[images])))


def compared(ours, other, pool, count):
    """How far ours is behind, and the standard error of that: both on images drawn with
    replacement."""
    random, every = np.random.default_rng(0), np.arange(count)
    drawn = [random.choice(every, count) for _ in range(DRAWS)]
    gaps = [score(other, pool, images) - score(ours, pool, images) for images in drawn]
    gap = round(score(other, pool, every) - score(ours, pool, every), 4)
    return gap + 0.0, np.std(gaps)  # not -0


def row_of(name, entries, pool):
    """The cells of a row, or None where it was not measured."""
    of_row = {one["library"]: one for one in entries if one["row"] == name}
    ours = of_row.pop("native", None)
    if not ours or not of_row:
        return None
    count = min(len(one["distances"]) for one in (ours, *of_row.values()))
    scores = {who: score(one, pool, np.arange(count)) for who, one in of_row.items()}
    behind, error = compared(ours, of_row[max(scores, key=scores.get)], pool, count)
    columns = []
    for library in LIBRARIES:
        found = [one for who, one in scores.items() if who.startswith(library)]
        columns.append(f"{max(found):.4f}" if found else "")
    ours = f"{score(ours, pool, np.arange(count)):.4f}"
    return name, str(count), ours, *columns, f"{behind:+.4f} ± {error:.4f}"


def table(folder):
    """Print a Markdown table of each set and norm."""
    for (name, norm), entries in results(folder).items():
        pool = best_known(entries)
        print(f"\n{name}, {norm}\n")
        print(f"| attack | images | native | {' | '.join(LIBRARIES)} | behind the best of them |")
        print("|---|---|---|" + "---|" * len(LIBRARIES) + "---|")
        for cells in (row_of(row.name, entries, pool) for row in ROWS):
            if cells:
                print(f"| {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", nargs="?", choices=["mnist", "fashion_mnist", "cifar10"])
    parser.add_argument("norm", nargs="?", choices=BOTH)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="what has this text in its name")
    parser.add_argument("--table", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.table:
        table(arguments.table)
    elif arguments.folder:
        measure(arguments)
    else:
        parser.error("name SET, NORM and FOLDER, or --table FOLDER")


if __name__ == "__main__":
    main()

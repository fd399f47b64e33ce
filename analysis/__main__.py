"""Before and after barydef: attacked sets, conversion, reports.

    /usr/bin/python3 analysis attack DATA VICTIM.pt SET.h5 [--attacks fgsm,linf_pgd] [--epsilon 0.1] [--limit 1000]
    /usr/bin/python3 analysis convert SET.npz SET.h5        (or .npy files, one an attack; or back: SET.h5 SET.npz, RESULT.h5 SET.npz --run 12)
    /usr/bin/python3 analysis report RESULT.h5 [FOLDER]

Exit status: 0 done; 1 it could not be done or written (of a report: or it was written without Grad-CAM, which had been asked for); 2 bad
usage or input, and nothing was written.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import files


REPORT = """Exit status 2, and nothing is written: the file of --victim is no TorchScript classifier, is not the victim of the result, or has no
such --layer.  1, and the report is written, but without Grad-CAM: the victim of --victim failed on the images.  Where
--use-victim-of-result finds none that will do, one line and the report say so, and the status is 0: a batch job's report is whole."""


def progress(what, done, total):
    if sys.stderr.isatty():
        print(
            f"\r{what}: [{'#' * (30 * done // total):30s}] {done}/{total}",
            end="\n" if done == total else "",
            file=sys.stderr,
        )
    elif done == total:
        print(f"{what}: {done} images", file=sys.stderr)


def number(kind, least):
    """A type for argparse: a finite number of this kind, at least, or with floats above, `least`."""

    def parsed(text):
        value = kind(text)
        if not (value >= least if kind is int else least < value < float("inf")):
            raise argparse.ArgumentTypeError(
                f"{text}: must be {'at least' if kind is int else 'above'} {least}"
            )
        return value

    parsed.__name__ = "number"
    return parsed


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """In one line, as all other errors."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def layer(text):
    """A number or a name."""
    return int(text) if text.lstrip("-").isdecimal() else text


def attack(arguments):
    import numpy as np
    import torch

    import convert
    import datasets
    import presets
    import victim

    files.check_output(arguments.output, arguments.overwrite, [arguments.data, arguments.victim])
    name, how, images, labels = datasets.read(arguments.data, arguments.dataset)
    images, labels = images[: arguments.limit or None], labels[: arguments.limit or None]
    clean = (images / 255 if images.dtype == np.uint8 else images).astype("f4")
    preset = arguments.preset or presets.preset_of(name, clean.shape[1])
    chosen = arguments.attacks.split(",") if arguments.attacks else presets.runnable()
    settings = {one: presets.setting(one, preset, arguments.epsilon) for one in chosen}
    torch.set_num_threads(arguments.threads)
    model = victim.load(arguments.victim)
    found = {}

    def right(stack):
        return np.mean(
            victim.logits_of(model, arguments.victim, stack, arguments.batch).argmax(1) == labels
        )

    before, guesses = victim.check(model, arguments.victim, clean, labels, arguments.batch)
    classes = victim.logits_of(model, arguments.victim, clean[:1], 1).shape[1]
    settings = {
        one: (norm, epsilon, presets.for_classes(one, options, classes))
        for one, (norm, epsilon, options) in settings.items()
    }
    print(
        f"{name} ({how}): {len(labels)} images, accuracy {100 * before:.1f} %{' (no better than guessing: is this their victim?)' if guesses else ''}\nsettings of {preset}{' (--preset)' if arguments.preset else ''}: "
        + ", ".join(f"{one} {norm} {epsilon:.4g}" for one, (norm, epsilon, _) in settings.items()),
        file=sys.stderr,
    )
    if not arguments.attacks and presets.left_out():
        print(presets.left_out(), file=sys.stderr)
    for one, (norm, epsilon, options) in settings.items():
        stacks, source, said = [], "", {}
        for start in range(0, len(labels), arguments.batch):
            x, y = torch.as_tensor(clean[start : start + arguments.batch]), torch.as_tensor(
                labels[start : start + arguments.batch]
            )
            attacked, made = presets.run(
                one, model, x, y, norm, epsilon, options, arguments.seed + start, said
            )
            source = source or made
            stacks.append(attacked.numpy().astype("f4"))
            progress(one, min(start + arguments.batch, len(labels)), len(labels))
        for line in said:
            print(f"{one}: {line}", file=sys.stderr)
        found[one] = (np.concatenate(stacks), norm, epsilon, source)
        print(
            f"{one}, {norm} {epsilon:.4g}: accuracy {100 * right(found[one][0]):.1f} % ({source})",
            file=sys.stderr,
        )
    convert.write_set(arguments.output, labels, clean, found, name)
    return arguments.output


def convert_files(arguments):
    import convert

    *paths, output = arguments.files
    back = output.endswith(".npz")
    if not paths:
        raise files.Unsuitable("a file to read and one to write, please")
    if any(path.endswith(".h5") != back for path in paths) or not (
        output.endswith(".h5") or back and len(paths) == 1
    ):
        raise files.Unsuitable(
            f"{output}: .h5 is written from .npz and .npy files, .npz from one .h5"
        )
    if not back and arguments.run is not None:
        raise files.Unsuitable("--run is for results of barydef, which are converted to .npz")
    files.check_output(output, arguments.overwrite, [*paths, arguments.labels or ""])
    if back:
        convert.to_arrays(paths[0], output, arguments.run, arguments.attack)
    else:
        convert.to_set(
            paths,
            output,
            arguments.labels,
            arguments.dataset,
            arguments.norm,
            arguments.epsilon,
            arguments.attack,
        )
    return output


def report(arguments):
    import report as pages

    return pages.make(
        arguments.result,
        arguments.folder,
        arguments.input,
        arguments.victim,
        arguments.layer,
        arguments.images,
        arguments.blurs,
        arguments.run,
        arguments.attack,
        arguments.use_victim_of_result,
    )


def main():
    import presets

    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="analysis", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    sub = commands.add_parser(
        "attack",
        help="attack the test images of a data set",
        description=presets.__doc__,
        formatter_class=raw,
    )
    sub.add_argument(
        "data",
        help="folder of MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100 as torchvision keeps it, or an .npz with images and labels",
    )
    sub.add_argument("victim", help="TorchScript classifier (a program: use only what you trust)")
    sub.add_argument("output")
    sub.add_argument(
        "--attacks",
        help=f"with commas between: {', '.join(presets.ATTACKS)} (default: the first six, as far as what runs them is "
        "installed: Foolbox, AutoAttack, or FGSM, PGD and DeepFool of our own)",
    )
    sub.add_argument(
        "--dataset",
        help="its name, where neither content nor the folder's or file's own name tells; of several below the folder, which",
    )
    sub.add_argument(
        "--preset", choices=presets.DATASETS, help="whose settings (default: the data set's own)"
    )
    sub.add_argument(
        "--epsilon", type=number(float, 0), help="of all of them, instead of the preset's"
    )
    sub.add_argument("--limit", type=number(int, 0), default=0, help="only the first images")
    sub.add_argument("--batch", type=number(int, 1), default=100)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--threads", type=number(int, 1), default=1)
    sub.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    sub.set_defaults(call=attack)
    sub = commands.add_parser("convert", help="NumPy's files into barydef's format, and back")
    sub.add_argument(
        "files", nargs="+", metavar="FILE", help="what to read, and last what to write"
    )
    sub.add_argument("--labels", help=".npy of the labels, where the others hold none")
    sub.add_argument("--dataset", default="")
    sub.add_argument("--norm", default="unknown")
    sub.add_argument("--epsilon", type=float, default=float("nan"))
    sub.add_argument(
        "--run", type=number(int, 0), help="which run of a result, where it has several"
    )
    sub.add_argument(
        "--attack",
        action="append",
        metavar="NAME",
        help="only this one (can be given again); clean is one of them",
    )
    sub.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    sub.set_defaults(call=convert_files)
    sub = commands.add_parser(
        "report", help="tables and figures of a result", formatter_class=raw, epilog=REPORT
    )
    sub.add_argument("result")
    sub.add_argument(
        "folder",
        nargs="?",
        help="default: RESULT-report; files of an earlier report in it are replaced or removed",
    )
    sub.add_argument(
        "--input", help="the file of attacked images, where it is not where the result says"
    )
    sub.add_argument(
        "--victim",
        help="the job's TorchScript classifier, for Grad-CAM (a program: use only what you trust); any, where the job named none",
    )
    sub.add_argument(
        "--use-victim-of-result",
        action="store_true",
        help="Grad-CAM of the classifier that the job named (it is loaded, and runs)",
    )
    sub.add_argument(
        "--run",
        help="number of the run to show in detail (default: the best, by the rule of best.py)",
    )
    sub.add_argument(
        "--attack",
        action="append",
        help="show this attack in tables, galleries and Grad-CAM; may be given again (default: all, galleries of three)",
    )
    sub.add_argument(
        "--layer",
        type=layer,
        default=-1,
        help="which convolution Grad-CAM looks at: its number from 0 (-1: the last), or its module's name",
    )
    sub.add_argument("--images", type=number(int, 1), default=6, help="images of a gallery")
    sub.add_argument(
        "--blurs",
        help="a result over baseline.blur_sigma (jobs/paper/blur.ini), to draw beside the runs",
    )
    sub.set_defaults(call=report)
    arguments = parser.parse_args()
    print(files.run(lambda: arguments.call(arguments), "analysis"))


if __name__ == "__main__":
    main()

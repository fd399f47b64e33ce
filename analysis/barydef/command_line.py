"""Before and after barydef: attacked sets, conversion, reports.

    barydef attack DATA VICTIM.pt SET.h5 [--attacks fgsm,linf_pgd] [--epsilon 0.1] [--limit 1000]
    barydef convert SET.npz SET.h5       (or .npy files, one an attack)
    barydef convert RESULT.h5 SET.npz --run 12      (back again; sets go this way, too)
    barydef report RESULT.h5 [FOLDER]

Exit status: 0 done; 1 the work could not be done or written, or a report was written without the
Grad-CAM that was asked for; 2 bad usage or input, and nothing was written."""

import argparse
import sys

from . import errors, files
from .attack import presets

REPORT = """Exit status 2, and nothing is written: the file of --victim is no TorchScript
classifier, is not the victim of the result, or has no such --layer.
Exit status 1, and the report is written, but without Grad-CAM: the victim of --victim failed on
the images.
Where --use-victim-of-result finds none that will do, one line and the report say so, and the
status is 0: a batch job's report is whole."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """Say it in one line, as all other errors."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


class Command(Parser):
    """The parser of one command. Its options may stand before, between and after its files."""

    intermixing = False

    def parse_known_args(self, args=None, namespace=None):
        """What parse_known_intermixed_args() gives, which calls this in turn."""
        if self.intermixing:
            return super().parse_known_args(args, namespace)
        self.intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.intermixing = False


def number(kind, least):
    """A type for argparse: an integer of at least `least`, or a finite float above it."""

    def parsed(text):
        value = kind(text)
        if not (value >= least if kind is int else least < value < float("inf")):
            raise argparse.ArgumentTypeError(
                f"{text}: must be {'at least' if kind is int else 'above'} {least}"
            )
        return value

    parsed.__name__ = "number"
    return parsed


def layer(text):
    """A number or a name."""
    return int(text) if text.lstrip("-").isdecimal() else text


def attack(arguments):
    from .attack import command

    return command.run(arguments)


def check_kinds(paths, output):
    """Refuse a conversion whose direction the ends of the names do not tell."""
    back = output.endswith(".npz")
    if not paths:
        raise errors.Unsuitable("name a file to read and a file to write")
    if any(path.endswith(".h5") != back for path in paths) or not (
        output.endswith(".h5") or back and len(paths) == 1
    ):
        raise errors.Unsuitable(
            f"{output}: .h5 is written from .npz and .npy files, .npz from one .h5"
        )


def convert(arguments):
    from . import convert as conversion

    *paths, output = arguments.files
    check_kinds(paths, output)
    back = output.endswith(".npz")
    if not back and arguments.run is not None:
        raise errors.Unsuitable("--run is for results of barydef, which are converted to .npz")
    files.check_output(output, arguments.overwrite, [*paths, arguments.labels or ""])
    if back:
        conversion.to_arrays(paths[0], output, arguments.run, arguments.attack)
    else:
        conversion.to_set(
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
    from .report import make

    return make.make(
        arguments.result,
        arguments.folder,
        inputs=arguments.input,
        victim=arguments.victim,
        layer=arguments.layer,
        count=arguments.images,
        blurs=arguments.blurs,
        run=arguments.run,
        attacks=arguments.attack,
        use_victim_of_result=arguments.use_victim_of_result,
        warn=lambda line: print(f"{arguments.program}: {line}", file=sys.stderr),
    )


def add_attack(commands):
    parser = commands.add_parser(
        "attack",
        help="attack the test images of a data set",
        description=presets.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "data",
        help="folder of MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100 as torchvision keeps it, "
        "or an .npz with images and labels",
    )
    add("victim", help="TorchScript classifier (a program: use only what you trust)")
    add("output", help="the set of attacked images to write, .h5")
    add(
        "--attacks",
        help=f"with commas between: {', '.join(presets.ATTACKS)} (default: those of the first six "
        "that something installed can run: Foolbox, AutoAttack, or FGSM, PGD and DeepFool of "
        "our own)",
    )
    add(
        "--dataset",
        help="its name, where neither content nor the name of the folder or file tells; "
        "also chooses among several sets below the folder",
    )
    add("--preset", choices=presets.DATASETS, help="whose settings (default: the data set's own)")
    add("--epsilon", type=number(float, 0), help="of all of them, instead of the preset's")
    add("--limit", type=number(int, 0), default=0, help="only the first images")
    add(
        "--batch",
        type=number(int, 1),
        default=100,
        help="images that are attacked at once (default: %(default)s)",
    )
    add("--seed", type=int, default=0, help="of the random numbers (default: %(default)s)")
    add("--threads", type=number(int, 1), default=1, help="of torch (default: %(default)s)")
    add("--overwrite", action="store_true", help="replace an output that exists")
    parser.set_defaults(call=attack)


def add_convert(commands):
    parser = commands.add_parser("convert", help="NumPy's files into barydef's format, and back")
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="the files to read, then the one to write: .npz and .npy files become one .h5, "
        "and one .h5 becomes an .npz",
    )
    add("--labels", help=".npy of the labels, where the files to read hold none")
    add(
        "--dataset",
        default="",
        help="name of the data set, to be kept in the .h5 (default: what the .npz says)",
    )
    add(
        "--norm",
        default="unknown",
        help="norm that bounds the attacks, such as linf, where the .npz does not say it "
        "(default: %(default)s)",
    )
    add(
        "--epsilon",
        type=float,
        default=float("nan"),
        help="bound of the attacks in that norm, where the .npz does not say it "
        "(default: nan, not known)",
    )
    add("--run", type=number(int, 0), help="which run of a result, where it has several")
    add(
        "--attack",
        action="append",
        metavar="NAME",
        help="only this one (can be given again); clean is one of them",
    )
    add("--overwrite", action="store_true", help="replace an output that exists")
    parser.set_defaults(call=convert)


def add_report(commands):
    parser = commands.add_parser(
        "report",
        help="tables and figures of a result",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=REPORT,
    )
    add = parser.add_argument
    add("result", help="a result of barydef, .h5")
    add(
        "folder",
        nargs="?",
        help="default: RESULT-report; files of an earlier report in it are replaced or removed",
    )
    add("--input", help="the file of attacked images, where it is not where the result says")
    add(
        "--victim",
        help="the job's TorchScript classifier, for Grad-CAM (a program: use only what you "
        "trust); any, where the job named none",
    )
    add(
        "--use-victim-of-result",
        action="store_true",
        help="Grad-CAM of the classifier that the job named (it is loaded, and runs)",
    )
    add(
        "--run",
        help="number of the run to show in detail (default: the best, by the rule of "
        "barydef.best_run)",
    )
    add(
        "--attack",
        action="append",
        help="show this attack in tables, galleries and Grad-CAM; may be given again "
        "(default: all, galleries of three)",
    )
    add(
        "--layer",
        type=layer,
        default=-1,
        help="which convolution Grad-CAM looks at: its number from 0 (-1: the last), or the name "
        "of its module",
    )
    add("--images", type=number(int, 1), default=6, help="images of a gallery")
    add(
        "--blurs",
        help="a result over baseline.blur_sigma (jobs/paper/blur.ini), to draw beside the runs",
    )
    parser.set_defaults(call=report)


def main(program="barydef"):
    """Run the command of sys.argv. `program` is the name that messages begin with."""
    parser = Parser(
        prog=program,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Command)
    for add in add_attack, add_convert, add_report:
        add(commands)
    arguments = parser.parse_args()
    arguments.program = program
    print(errors.run(lambda: arguments.call(arguments), program))

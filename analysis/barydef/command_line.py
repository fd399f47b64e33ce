"""Before and after barydef: attacked sets, conversion, reports.

    barydef attack DATA VICTIM.pt SET.h5 [--attacks fgsm,linf_pgd] [--limit 1000]
    barydef convert FILE... SET.h5            files of NumPy, HDF5, MATLAB, PyTorch; pictures
    barydef convert RESULT.h5 SET.npz --run 12     and back; a set needs no run
    barydef report RESULT.h5 [FOLDER]

"barydef COMMAND -h" has the options and exit statuses of a command."""

import argparse
import sys
import textwrap

from . import errors, files
from .attack import defence, presets

# Exit statuses: of any command, and those that mean more to one of them.
ENDINGS = {
    0: "done",
    1: "the work could not be done or written",
    2: "bad usage or input; nothing was written",
}
REPORT_ENDINGS = {
    0: "the report is whole; where --use-victim-of-result finds no victim that will do, one line "
    "and the report say so, since a batch job's report is whole without Grad-CAM",
    1: "the report is written, but without the Grad-CAM that --victim asked for, since the victim "
    "failed on the images; or the report cannot be written",
    2: "bad usage or input, or the file of --victim is no TorchScript classifier, is not the "
    "victim of the result, or has no such --layer; nothing was written",
}
COLUMNS = 79


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """Say it in one line, as all other errors."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def wrapped(text, first="", rest=""):
    """A text in lines of the width of help."""
    return textwrap.fill(
        text, COLUMNS, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


class Command(Parser):
    """The parser of one command. Its options may stand before, between and after its files.

    `endings` is {exit status: meaning}, and `examples` are pairs of a command line and what it is
    for. Help shows them, and the manual page is made of them (cmake/manual)."""

    intermixing = False

    def __init__(self, *, examples, endings=None, **others):
        self.examples, self.endings = examples, {**ENDINGS, **(endings or {})}
        lines = ["exit status:"]
        lines += [wrapped(text, f"  {number}   ", " " * 6) for number, text in self.endings.items()]
        lines += ["", "examples:"]
        for line, meaning in examples:
            lines += [f"  {line}", wrapped(meaning, " " * 6, " " * 6)]
        super().__init__(
            epilog="\n".join(lines), formatter_class=argparse.RawDescriptionHelpFormatter, **others
        )

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
    if back and (len(paths) > 1 or not paths[0].endswith((".h5", ".hdf5"))):
        raise errors.Unsuitable(f"{output}: .h5 is written from any files, .npz from one .h5")
    if not back and not output.endswith((".h5", ".hdf5")):
        raise errors.Unsuitable(
            f"{output}: .h5 is written from files of NumPy, HDF5, MATLAB or PyTorch and folders of "
            "pictures, .npz from one .h5"
        )


def renamed(text):
    """A type for argparse: ARRAY=NAME."""
    array, equals, name = text.rpartition("=")
    if not (array and equals and name):
        raise argparse.ArgumentTypeError(f"{text}: must be ARRAY=NAME")
    return array, name


def numbers(text):
    """A type for argparse: numbers with commas between."""
    return tuple(float(one) for one in text.split(","))


def scale_of(arguments):
    """The Scale that the options of convert tell."""
    from .pixels import Scale

    given = [name for name in ("scale", "range", "std") if getattr(arguments, name) is not None]
    if len(given) > 1 or (arguments.mean is None) != (arguments.std is None):
        raise errors.Unsuitable("give one of --scale, --range, and --mean with --std")
    low, high = arguments.range or (0.0, arguments.scale)
    if high is not None and not low < high:
        raise errors.Unsuitable("--scale must be above 0, and --range LOW below HIGH")
    return Scale(low, high, arguments.mean, arguments.std, arguments.clip)


def convert(arguments):
    from . import convert as conversion

    *paths, output = arguments.files
    check_kinds(paths, output)
    back = output.endswith(".npz")
    if not back and arguments.run is not None:
        raise errors.Unsuitable("--run is for results of barydef, which are converted to .npz")
    files.check_output(
        output, arguments.overwrite or arguments.dry_run, [*paths, arguments.labels or ""]
    )
    if back:
        if arguments.dry_run:
            raise errors.Unsuitable("--dry-run is for sets, which are converted to .h5")
        conversion.to_arrays(paths[0], output, arguments.run, arguments.attack)
        return output
    unsaid = conversion.Unsaid(arguments.dataset, arguments.norm, arguments.epsilon)
    how = conversion.Reading(
        dict(arguments.renamed or ()), arguments.layout or "", scale_of(arguments)
    )
    lines = conversion.to_set(
        paths, output, arguments.labels, unsaid, arguments.attack, how, arguments.dry_run
    )
    ending = f"{output}: not written (--dry-run)" if arguments.dry_run else output
    return "\n".join([*lines, ending])


def report(arguments):
    from .report import make

    return make.make(
        arguments.result,
        arguments.folder,
        arguments.input,
        make.Shown(arguments.run, arguments.attack, arguments.images, arguments.blurs),
        make.Look(arguments.victim, arguments.layer, arguments.use_victim_of_result),
        warn=lambda line: print(f"{arguments.program}: {line}", file=sys.stderr),
    )


OF_A_JOB = """
With a file that ends in .ini, the program itself makes the sections
[attack NAME] of that job, on all ranks and with the options of barydef run.
docs/using.md has more."""


def add_attack(commands):
    parser = commands.add_parser(
        "attack",
        help="attack the images of a data set",
        description=presets.__doc__ + OF_A_JOB,
        examples=[
            ("mpirun -n 2 barydef attack job.ini", "The attacks of a job, by the program itself."),
            ("barydef attack data/MNIST victim.pt mnist.h5", "The paper's attacks that can run."),
            (
                "barydef attack set.npz victim.pt set.h5 --through purified --job job",
                "By an attacker who knows the purifier of job.ini.",
            ),
            (
                "barydef attack set.npz victim.pt set.h5 --attacks fgsm --epsilon 0.05",
                "One attack with a bound of one's own.",
            ),
        ],
    )
    add = parser.add_argument
    add(
        "data",
        metavar="DATA",
        help="folder of MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100 as torchvision keeps it, "
        "or an .npz with images and labels",
    )
    add(
        "victim",
        metavar="VICTIM.pt",
        help="TorchScript classifier (a program: use only what you trust)",
    )
    add("output", metavar="SET.h5", help="the set of attacked images to write")
    add(
        "--attacks",
        metavar="NAME,...",
        help=f"attacks, separated by commas: {', '.join(presets.ATTACKS)} (default: those of the "
        "first six that what is installed can run)",
    )
    add(
        "--dataset",
        metavar="NAME",
        help="name of the data set, where neither its content nor the name of its folder or file "
        "tells it; also chooses among several sets below the folder",
    )
    add(
        "--preset",
        choices=presets.DATASETS,
        help="take the settings of this set (default: its own)",
    )
    add(
        "--epsilon",
        metavar="E",
        type=number(float, 0),
        help="bound of each attack, instead of the preset's",
    )
    add(
        "--through",
        choices=defence.THROUGH,
        default="victim",
        help="what the attacker knows: the victim alone, or behind a blur or the purifier "
        "(default: %(default)s)",
    )
    add(
        "--gradient",
        choices=defence.GRADIENTS,
        default="exact",
        help="of the purifier, where --through is purified (default: %(default)s)",
    )
    add(
        "--job",
        metavar="JOB",
        help="the job JOB.ini, named without its ending, whose sections marginals and solver are "
        "the purifier",
    )
    add(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a key of the purifier, such as solver.gamma=1; may be given again, and wins over "
        "the job",
    )
    add("--limit", metavar="N", type=number(int, 0), default=0, help="only the first images")
    add(
        "--batch",
        metavar="N",
        type=number(int, 1),
        default=100,
        help="images that are attacked at once (default: %(default)s)",
    )
    add(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="seed of the random numbers (default: %(default)s)",
    )
    add(
        "--threads",
        metavar="N",
        type=number(int, 1),
        default=1,
        help="threads of torch (default: %(default)s)",
    )
    add("--overwrite", action="store_true", help="replace an output that exists")
    parser.set_defaults(call=attack)


def add_convert(commands):
    parser = commands.add_parser(
        "convert",
        help="make a set of other files, or arrays of a set",
        description=wrapped(
            "Convert what others have into a file of attacked images: .npz and .npy of Foolbox, "
            "ART or RobustBench, HDF5 of any layout, MATLAB's files, tensors of torch.save (read "
            "without running anything in them), and folders of pictures, one for each class. It "
            "says what it takes for what. Or convert such a file, or a run of a result, into an "
            ".npz."
        ),
        examples=[
            (
                "barydef convert attacks.npz set.h5 --norm linf --epsilon 0.1",
                "An input of barydef run.",
            ),
            (
                "barydef convert foreign.h5 set.h5 --as t=labels --scale 255",
                "A file of another layout, with values from 0 to 255.",
            ),
            (
                "barydef convert adv.pt set.h5 --labels y.npy --dry-run",
                "What would be taken for what, without writing.",
            ),
            (
                "barydef convert result.h5 purified.npz --run 12",
                "The purified images of a run, as arrays.",
            ),
        ],
    )
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="the files or folders to read, then the one to write: an .h5 of any of them, or an "
        ".npz of one .h5",
    )
    add(
        "--as",
        dest="renamed",
        type=renamed,
        action="append",
        metavar="ARRAY=NAME",
        help="what an array or dataset is: labels, clean, or an attack of that name; may be given "
        "again (default: what their names say)",
    )
    add(
        "--layout",
        choices=("nchw", "nhwc"),
        help="axes of images: channels, height, width, or height, width, channels "
        "(default: what their lengths say; refused in doubt)",
    )
    add(
        "--scale",
        type=number(float, 0),
        metavar="S",
        help="divide values by S, such as 255 (default: 1, uint8 255)",
    )
    add(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values from LOW to HIGH become those from 0 to 1",
    )
    add(
        "--mean",
        type=numbers,
        metavar="M,...",
        help="with --std: undo (x - M) / S, a number for all channels or for each",
    )
    add("--std", type=numbers, metavar="S,...", help="with --mean")
    add("--clip", action="store_true", help="clip values beyond [0,1], instead of refusing them")
    add("--dry-run", action="store_true", help="say what would be taken for what; write nothing")
    add(
        "--labels",
        metavar="LABELS",
        help="file of the labels, where the files to read hold none",
    )
    add(
        "--dataset",
        metavar="NAME",
        default="",
        help="name of the data set that the .h5 keeps (default: what the files say)",
    )
    add(
        "--norm",
        metavar="NAME",
        default="unknown",
        help="norm that bounds the attacks, such as linf, where the files do not say it "
        "(default: measured where there are clean images, else %(default)s)",
    )
    add(
        "--epsilon",
        metavar="E",
        type=float,
        default=float("nan"),
        help="bound of the attacks in that norm, where the files do not say it "
        "(default: measured where there are clean images, else nan)",
    )
    add(
        "--run",
        metavar="N",
        type=number(int, 0),
        help="number of the run, where a result has several",
    )
    add(
        "--attack",
        action="append",
        metavar="NAME",
        help="only this attack, or clean; may be given again",
    )
    add("--overwrite", action="store_true", help="replace an output that exists")
    parser.set_defaults(call=convert)


def add_report(commands):
    parser = commands.add_parser(
        "report",
        help="draw tables and figures of a result",
        description=wrapped(
            "Write a folder with one page, figures as PNG and SVG, and tables as CSV, Markdown and "
            "LaTeX. No victim is loaded without --victim or --use-victim-of-result."
        ),
        endings=REPORT_ENDINGS,
        examples=[
            ("barydef report result.h5", "Writes result-report/report.html."),
            ("barydef report result.h5 --victim classifier.pt", "With Grad-CAM."),
        ],
    )
    add = parser.add_argument
    add("result", metavar="RESULT.h5", help="a result of barydef")
    add(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="default: RESULT-report; files of an earlier report in it are replaced or removed",
    )
    add(
        "--input",
        metavar="SET.h5",
        help="the file of attacked images, where it is not where the result says",
    )
    add(
        "--victim",
        metavar="VICTIM.pt",
        help="the job's TorchScript classifier, for Grad-CAM (a program: use only what you "
        "trust); any classifier, where the job named none",
    )
    add(
        "--use-victim-of-result",
        action="store_true",
        help="Grad-CAM of the classifier that the job named, which is loaded and runs",
    )
    add(
        "--run",
        metavar="N",
        help="number of the run to show in detail (default: the best, by the rule of "
        "barydef.best_run)",
    )
    add(
        "--attack",
        action="append",
        metavar="NAME",
        help="show this attack in tables, galleries and Grad-CAM; may be given again "
        "(default: all, galleries of three)",
    )
    add(
        "--layer",
        metavar="N|NAME",
        type=layer,
        default=-1,
        help="which convolution Grad-CAM looks at: its number from 0 (-1: the last), or the name "
        "of its module",
    )
    add(
        "--images",
        metavar="N",
        type=number(int, 1),
        default=6,
        help="images of a gallery (default: %(default)s)",
    )
    add(
        "--blurs",
        metavar="RESULT.h5",
        help="a result over baseline.blur_sigma (jobs/paper/blur.ini), to draw beside the runs",
    )
    parser.set_defaults(call=report)


def make_parser(program="barydef"):
    """The parser of all commands; its `commands` are their parsers by name."""
    parser = Parser(
        prog=program,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Command)
    for add in add_attack, add_convert, add_report:
        add(commands)
    parser.commands = commands.choices
    return parser


def main(program="barydef"):
    """Run the command of sys.argv. Messages begin with the name `program`."""
    arguments = make_parser(program).parse_args()
    arguments.program = program
    print(errors.run(lambda: arguments.call(arguments), program))

"""The manual pages and the help of every command are whole, fit, and agree with the tables."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from support import ENVIRONMENT, PROGRAM, launch, parameters, skip

SHARE = pathlib.Path(os.environ.get("BARYDEF_SHARE") or pathlib.Path(PROGRAM).parent / "share")
COLUMNS = 80
SECTIONS = (
    "NAME,SYNOPSIS,DESCRIPTION,ARGUMENTS,COMMANDS,OPTIONS,PARAMETERS,EXIT STATUS,FILES,ENVIRONMENT,"
    "EXAMPLES,SEE ALSO"
).split(",")
STATUSES = ["0", "1", "2", "3", "75"]
PYTHON = "attack", "convert", "report"


def help_of(*arguments):
    return launch(*arguments, COLUMNS=str(COLUMNS)).out


def commands():
    return re.findall(r"^  barydef ([a-z]+) ", help_of("-h"), re.M)


def options_of(text):
    """The long options that a help or a page lists, each in a line of its own."""
    listed = re.split(r"(?im)^exit status", text.split("\nOPTIONS\n")[-1])[0]
    return re.findall(r"^ {1,7}(?:-\w, )?(--[a-z-]+)", listed, re.M)


def squeezed(text):
    """A text without what a formatter may change: blanks, ends of lines, and kinds of quotes."""
    return re.sub(r"\s", "", text).replace("’", "'").replace("‐", "-")


def rendered(page):
    """A page as people see it at 80 columns, and what man says besides."""
    environment = {**ENVIRONMENT, "MANWIDTH": str(COLUMNS), "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(
        ["man", "--warnings=w", "-l", page], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("man"):
            skip("man-db is not installed")
        cls.shown = {path.name: rendered(path) for path in sorted(SHARE.glob("man/man[15]/*"))}

    def page(self, name):
        return self.shown[name][1]

    def test_there_is_a_page_for_each_command(self):
        wanted = {f"barydef-{name}.1" for name in commands()} | {"barydef.1", "barydef-job.5"}
        self.assertGreaterEqual(len(wanted), 11)
        self.assertEqual(set(self.shown), wanted)

    def test_pages_have_no_warnings_and_fit(self):
        for name, (status, shown, said) in self.shown.items():
            with self.subTest(name):
                self.assertEqual((status, said), (0, ""))
                wide = [line for line in shown.splitlines() if len(line) > COLUMNS]
                self.assertEqual(wide, [])

    def test_pages_have_their_sections_in_order(self):
        for name in self.shown:
            with self.subTest(name):
                found = re.findall(r"^([A-Z]+(?: [A-Z]+)*)$", self.page(name), re.M)
                self.assertEqual(found, [one for one in SECTIONS if one in found])
                needed = {"NAME", "DESCRIPTION", "SEE ALSO"}
                if name == "barydef-job.5":
                    needed |= {"PARAMETERS", "EXAMPLES"}
                else:
                    needed |= {"SYNOPSIS", "OPTIONS", "EXIT STATUS"}
                if name.startswith("barydef-"):
                    needed |= {"EXAMPLES"}
                self.assertLessEqual(needed, set(found))

    def test_every_option_and_status_is_in_the_page(self):
        for command in commands():
            with self.subTest(command):
                page, text = self.page(f"barydef-{command}.1"), help_of(command, "-h")
                self.assertEqual(sorted(options_of(page)), sorted(options_of(text)))
                self.assertIn("--help", options_of(text))
                for part in "Exit status:", "Examples:":
                    rest = re.split(part, text, flags=re.I)[1].split("\n\n")[0]
                    for line in rest.strip().splitlines():
                        self.assertIn(squeezed(line), squeezed(page))
        statuses = re.findall(
            r"^ +(\d+) ", self.page("barydef-run.1").split("EXIT STATUS")[1], re.M
        )
        self.assertEqual(statuses[:5], STATUSES)

    def test_every_parameter_is_in_the_page(self):
        page = self.page("barydef-job.5")
        said = launch("params").out
        self.assertGreater(len(parameters()), 30)
        for section in re.findall(r"^\[\w+\]$", said, re.M):
            self.assertRegex(page, rf"(?m)^   {re.escape(section)}$")
        for name, (default, allowed) in parameters().items():
            with self.subTest(name):
                section, key = name.split(".")
                of_section = page.split(f"   [{section}]\n")[1].split("\n   [")[0]
                # A key stands before its text, in the same line where it is short.
                rows = re.split(r"^ {7}(?=[a-z_]+(?:$| ))", of_section, flags=re.M)
                (row,) = [row for row in rows if re.match(rf"{key}\s", row)]
                block = said.split(f"[{section}]\n")[1].split("\n\n")[0]
                meaning = re.search(rf"^{key} = .*\n    (.*?)(?: \[.*\])?$", block, re.M)[1]
                named = re.findall(r"\w+", "".join(re.findall(r"[\w|]+\|[\w]+$", allowed)))
                told = [text.split()[0] for text in row.strip().split("\n\n")[1:]]
                self.assertEqual(told, [] if named == ["no", "yes"] else named)
                for text in meaning[1:], allowed.replace("|", " | "), default or "none":
                    self.assertIn(squeezed(text), squeezed(row))


class Help(unittest.TestCase):
    def test_help_is_printed_and_fits(self):
        for command in ((), *((name,) for name in commands())):
            with self.subTest(command):
                short = launch(*command, "-h", COLUMNS=str(COLUMNS))
                self.assertEqual((short.status, short.err), (0, ""), short)
                wide = [line for line in short.out.splitlines() if len(line) > COLUMNS]
                self.assertEqual(wide, [])
                self.assertRegex(short.out, f"(?i)^usage: barydef {' '.join(command)}")
                for same in ("--help",), ("help", *command):
                    words = same if same[0] == "help" else (*command, *same)
                    other = launch(*words, COLUMNS=str(COLUMNS))
                    self.assertEqual((other.status, other.out, other.err), (0, short.out, ""))

    def test_help_goes_before_what_else_is_asked(self):
        for words in ["run", "none.ini", "-h"], ["run", "-qh"], ["merge", "--resume", "-h"]:
            finished = launch(*words)
            self.assertEqual((finished.status, finished.err), (0, ""), finished)
            self.assertIn(f"Usage: barydef {words[0]} ", finished.out)
        # Here it is the value of an option.
        finished = launch("run", "none.ini", "--set", "-h")
        self.assertEqual((finished.status, finished.out), (2, ""), finished)

    def test_help_on_a_full_disk_fails(self):
        finished = subprocess.run(
            ["sh", "-c", '"$1" run -h >/dev/full', "sh", PROGRAM],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        self.assertEqual(finished.returncode, 1, finished)

    def test_the_tables_of_both_languages_agree(self):
        """A command in Python has a row in commands.def and a parser of its own."""
        from barydef.command_line import make_parser

        parser = make_parser()
        self.assertEqual(tuple(parser.commands), PYTHON)
        listed = help_of("-h")
        rows = dict(re.findall(r"^    (\w+) +(.*)$", parser.format_help(), re.M))
        for name in PYTHON:
            self.assertIn(f"barydef {name:8} {rows[name]} (Python)\n", listed)
            page = (SHARE / "man/man1" / f"barydef-{name}.1").read_text()
            synopsis = re.sub(r"\\f.", "", page.split(".SH SYNOPSIS\n")[1].split("\n")[0])
            usage = " ".join(parser.commands[name].format_usage().split())
            arguments = synopsis.split("[OPTION...] ")[1].replace("\\", "")
            if name == "convert":  # argparse shows one list of files
                self.assertEqual((arguments, usage[-17:]), ("FILE... OUT", "] FILE [FILE ...]"))
            else:
                self.assertTrue(usage.endswith(f"] {arguments}"), (usage, arguments))


if __name__ == "__main__":
    unittest.main()

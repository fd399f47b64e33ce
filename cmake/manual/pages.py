"""The manual pages, as roff: barydef(1), one for each command, and barydef-job(5)."""

import re

# What roff takes for something else, and how it shows the character itself.
SPECIAL = {"\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga", "'": "\\(aq"}


def escaped(text):
    """A text as roff shows it letter by letter."""
    return "".join(SPECIAL.get(c, c if ord(c) < 128 else f"\\[u{ord(c):04X}]") for c in text)


def whole(line):
    """A line of text that roff does not take for a request."""
    return f"\\&{line}" if line.startswith(".") else line


def words(text):
    """A paragraph for people to read: a line may end at a hyphen, but not within an option."""
    made = []
    for word in text.split():
        shown = re.sub(r"(?<=\w)\\\(aq", "'", escaped(word))
        is_option = word.lstrip('(["').startswith("-")
        made.append(shown if is_option else re.sub(r"(?<=[a-z])\\-(?=[a-z])", "-", shown))
    return whole(" ".join(made))


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def slanted(text):
    return f"\\fI{escaped(text)}\\fR"


def section(name, lines):
    """A section, or nothing where there is nothing in it."""
    return [f".SH {name}", *lines] if lines else []


def item(term, *paragraphs):
    """A tagged paragraph. The term is roff already."""
    lines = [".TP", term]
    for number, paragraph in enumerate(paragraphs):
        lines += [".br"] * bool(number) + [paragraph]
    return lines


def preformatted(text):
    return [".RS 2", ".nf", *map(whole, escaped(text).split("\n")), ".fi", ".RE"]


def prose(text):
    """Paragraphs, with an empty line between. Indented lines are terms, each with its meaning after
    two blanks."""
    lines = []
    for paragraph in text.strip().split("\n\n"):
        head, *rest = re.split(r"^ {2}(?=\S)", paragraph, flags=re.M)
        lines += [".PP", words(head)]
        for row in rest:
            term, meaning = re.split(r" {2,}", row, maxsplit=1)
            lines += item(bold(term), words(meaning))
    return lines


def placeholders(text):
    """Arguments as a synopsis shows them: names slanted, what joins them not."""
    return re.sub(
        r"[A-Za-z][\w.*|/=]*[\w*]|[A-Z]|[^A-Za-z]+",
        lambda found: slanted(found[0]) if found[0][0].isalpha() else escaped(found[0]),
        text,
    )


def option_term(option):
    """-q, --quiet or --set SECTION.KEY=VALUE, in the types that manual pages have for them."""
    names = [f"-{option['short']}"] * bool(option["short"])
    names += [f"--{option['long']}"] * bool(option["long"])
    value = f" {slanted(option['value'])}" if option["value"] else ""
    return ", ".join(bold(name) for name in names) + value


def listed(pairs, term=bold):
    return [line for name, meaning in pairs for line in item(term(str(name)), words(meaning))]


def examples(pairs):
    lines = []
    for line, meaning in pairs:
        lines += [".PP", words(meaning), *preformatted(line)]
    return lines


def others(names):
    """What to see, besides. A page names itself nowhere."""
    pages = [f".BR {escaped(name)} ({number})" for name, number in names]
    return [f"{page}," for page in pages[:-1]] + pages[-1:]


def page(name, number, texts, summary, *sections):
    head = [
        f".TH {name.upper()} {number} \"\" \"barydef {texts['version']}\" \"barydef\"",
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{escaped(name)} \\- {words(summary)}",
    ]
    return "\n".join(head + [line for part in sections for line in part]) + "\n"


def raised(text):
    return text[0].upper() + text[1:]


def lowered(text):
    return text[0].lower() + text[1:]


def command_page(command, texts):
    name = f"barydef-{command['name']}"
    environment = command.get("environment", [])
    see = [("barydef", 1), *((f"barydef-{one}", 1) for one in texts["related"][command["name"]])]
    arguments = placeholders(command["arguments"])
    synopsis = f"{bold('barydef ' + command['name'])} [\\fIOPTION\\fR...] {arguments}".strip()
    return page(
        name,
        1,
        texts,
        command["help"],
        section("SYNOPSIS", [synopsis]),
        section("DESCRIPTION", prose(command["description"])),
        section("ARGUMENTS", listed(command["positionals"], slanted)),
        section(
            "OPTIONS",
            [
                line
                for o in command["options"]
                for line in item(option_term(o), words(o["meaning"]))
            ],
        ),
        section('"EXIT STATUS"', listed(command["statuses"])),
        section("FILES", listed(command.get("files", []), slanted)),
        section("ENVIRONMENT", listed(environment)),
        section("EXAMPLES", examples(command["examples"])),
        section('"SEE ALSO"', others([*see, ("barydef-job", 5)])),
    )


def program_page(texts):
    commands = [(f"barydef-{one['name']}", 1) for one in texts["commands"]]
    return page(
        "barydef",
        1,
        texts,
        lowered(texts["summary"]),
        section(
            "SYNOPSIS",
            [
                f"{bold('barydef')} \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]",
                ".br",
                f"{bold('barydef --version')}",
            ],
        ),
        section(
            "DESCRIPTION",
            prose(
                "Each command has a page of its own, barydef-COMMAND(1). The parameters of a job "
                "are in barydef-job(5)."
            ),
        ),
        section(
            "COMMANDS",
            [
                line
                for one in texts["commands"]
                for line in item(
                    f"{bold(one['name'])} {placeholders(one['arguments'])}".strip(),
                    words(f"{raised(one['help'])}."),
                )
            ],
        ),
        section(
            "OPTIONS",
            item(bold("--version"), "Version, git revision, and the libraries it is built with.")
            + item(f"{bold('-h')}, {bold('--help')}", "List the commands."),
        ),
        section('"EXIT STATUS"', listed(texts["statuses"])),
        section('"SEE ALSO"', others([*commands, ("barydef-job", 5)])),
    )


def parameter_item(parameter):
    unit = f" Unit: {parameter['unit']}." if parameter["unit"] else ""
    default = f"Default: {parameter['default'] or 'none'}."
    allowed = f"Allowed: {parameter['allowed'].replace('|', ' | ')}."
    swept = " It may be swept." if parameter["swept"] else ""
    lines = item(
        bold(parameter["key"]),
        words(f"{raised(parameter['help'])}."),
        words(f"Type: {parameter['kind']}.{unit} {allowed} {default}{swept}"),
    )
    values = listed(parameter["values"])
    return lines + [".RS", *values, ".RE"] * bool(values)


def job_page(texts):
    sections = {}
    for parameter in texts["parameters"]:
        sections.setdefault(parameter["section"], []).append(parameter)
    parts = []
    for name, parameters in sections.items():
        parts += [f".SS {escaped('[' + name + ']')}"]
        parts += [line for one in parameters for line in parameter_item(one)]
    parts += [
        ".SS [sweep]",
        *item(f"\\fISECTION.KEY\\fR = \\fIVALUE\\fR, \\fIVALUE\\fR, ...", words(texts["sweep"])),
    ]
    lines = [".PP", words(texts["job_examples"][0][1])]
    lines += preformatted(texts["job_examples"][0][0])
    return page(
        "barydef-job",
        5,
        texts,
        "the parameters of a job of barydef",
        section("DESCRIPTION", prose(texts["job"])),
        section("PARAMETERS", parts),
        section("EXAMPLES", lines),
        section('"SEE ALSO"', others([("barydef-run", 1), ("barydef-params", 1)])),
    )


def pages(texts):
    """{folder/file: its text}."""
    names = [one["name"] for one in texts["commands"]]
    texts = {**texts, "related": {one: [n for n in names if n != one] for one in names}}
    made = {f"man1/barydef-{one['name']}.1": command_page(one, texts) for one in texts["commands"]}
    return {**made, "man1/barydef.1": program_page(texts), "man5/barydef-job.5": job_page(texts)}

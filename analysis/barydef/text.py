"""Texts of files that others made, and short forms of the program's own."""

import re

# What src/text.c replaces, except the ends of lines, which texts of several lines have. The
# surrogates stand for bytes that are not UTF-8.
UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def as_stored(value):
    """The text of an attribute, unchanged."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


def text(value):
    """The text of an attribute with every unclean character replaced, as barydef shows it."""
    return UNCLEAN.sub("?", as_stored(value))


def plain(value):
    """A number or text of an attribute in one line, numbers as short as they read."""
    if isinstance(value, (bytes, str)):
        return text(value).replace("\n", "?")
    return f"{value:g}"


def short_name(parameter):
    """A parameter without its section."""
    return "marginals" if parameter == "marginals.set" else parameter.split(".")[1]


def shortened(motions):
    """A list of motions as a figure has room for, such as "2 id, ±2°, shift ±1".

    Any other text is returned unchanged."""
    terms = [term.split() for term in re.split(r"\s*\+\s+", motions.strip())]
    if any(term[:1] not in (["identity"], ["rotate"], ["translate"]) for term in terms):
        return motions
    same = sum(term[0] == "identity" for term in terms)
    angles = [float(term[1]) for term in terms if term[0] == "rotate"]
    shifts = [tuple(map(float, term[1:])) for term in terms if term[0] == "translate"]
    parts = ["id" if same == 1 else f"{same} id"] if same else []
    parts += [
        f"±{abs(angle):g}°" if -angle in angles else f"{angle:g}°"
        for i, angle in enumerate(angles)
        if -angle not in angles[:i]
    ]
    far = max((max(map(abs, shift)) for shift in shifts), default=0)
    if sorted(shifts) == sorted([(far, 0), (-far, 0), (0, far), (0, -far)]):
        parts.append(f"shift ±{far:g}")
    elif sorted(shifts) == sorted([(far, far), (-far, far), (far, -far), (-far, -far)]):
        parts.append(f"diagonal ±{far:g}")
    else:
        parts += [f"shift ({x:g},{y:g})" for x, y in shifts]
    return ", ".join(parts)

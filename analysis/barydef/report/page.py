"""The folder of a report, with a page, figures as PNG and SVG, tables as CSV, Markdown and LaTeX.

The page opens from disk and needs no network."""

import base64
import html
import pathlib
import re
import tempfile

from ..errors import Failed, Unsuitable, line_of
from . import table_formats, tables

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 75rem;
  margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
p, pre, figcaption { max-width: 60rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
/* A table scrolls in its own box, where a shadow says that it goes on. */
.table { overflow-x: auto;
  background: linear-gradient(to left, #fff 1.5rem, #fff0 3rem) right / 100% 100% no-repeat local,
  linear-gradient(to left, #0003, #0000 1rem) right / 100% 100% no-repeat scroll; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  font-size: .85rem; line-height: 1.25rem; overflow-wrap: normal; }
th, td { padding: .25rem .22rem; text-align: right; border-bottom: 1px solid #e5e5e5;
  white-space: nowrap; }
th { white-space: normal; font-size: .75rem; border-bottom: 2px solid #bbb;
  vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
.marked { font-weight: bold; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; display: block; }
figcaption, .note { color: #555; font-size: .85rem; }
code { background: #f3f3f3; padding: 0 .2rem; }
dt { font-weight: bold; }
dd { margin: 0 0 .4rem 0; }
pre { white-space: pre-wrap; }
@media (min-width: 40rem) { dl { display: grid; grid-template-columns: max-content 1fr;
  gap: .3rem 1rem; max-width: 60rem; } }
@media (max-width: 40rem) { body { padding: .6rem; } table { font-size: .8rem; }
  th { font-size: .7rem; } }
"""

# The files that reports are made of.
NAMES = re.compile(
    r"((accuracy-\d+|runs|changes|per-class|grad-cam-similarity)\.(csv|md|tex)"
    r"|(front|sensitivity|per-class|grad-cam|(along|map|gallery)-[A-Za-z0-9._-]+)\.(png|svg))"
)
DPI = 144  # of pictures; the page shows them at 96


def make_folder(folder):
    """Make the folder of a report, and see that it takes files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (FileExistsError, NotADirectoryError):
        raise Unsuitable(
            f"{folder}: a report is a folder, but there is a file of this name or in its path"
        ) from None
    except OSError as problem:
        raise Failed(f"{folder}: cannot be written into ({line_of(problem)})") from None


def size_of(png):
    """(width, height) of a PNG on the page, in CSS pixels."""
    return tuple(int.from_bytes(png[at : at + 4], "big") * 96 // DPI for at in (16, 20))


class Report:
    """A report as it grows.

    `run` is shown in detail, of `attacks`; `named` says that the run was asked for. `parts` is the
    body of the page, `made` holds the names of the files written, and `lack` says what of it could
    not be drawn."""

    def __init__(self, result, folder, run, attacks, named):
        self.result, self.folder, self.parts, self.made = result, pathlib.Path(folder), [], set()
        self.run, self.attacks, self.named, self.lack = run, attacks, named, ""
        make_folder(self.folder)

    def heading(self, title):
        self.parts.append(f"<h2>{html.escape(title)}</h2>")

    def note(self, words):
        self.parts.append(f"<p class=note>{html.escape(words)}</p>")

    def terms(self, pairs):
        """A list of terms and their explanations."""
        items = (f"<dt>{html.escape(a)}</dt><dd>{html.escape(b)}</dd>" for a, b in pairs)
        self.parts.append(f"<dl>{''.join(items)}</dl>")

    def files(self, name, kinds):
        """Links to the files of a table or figure."""
        self.made |= {f"{name}.{kind}" for kind in kinds}
        target = html.escape(name, quote=True)
        return " ".join(f"<a href='{target}.{kind}'>{kind}</a>" for kind in kinds)

    def caption(self, words, name, kinds):
        return f"<figcaption>{html.escape(words)} ({self.files(name, kinds)})</figcaption>"

    def table(self, table):
        """Write a tables.Table and show it."""
        words = f"{tables.caption(self.result, table.words, table.run)} {table.more}".strip()
        table_formats.write(self.folder, table.name, table.rows, words)
        caption = self.caption(words, table.name, ("csv", "md", "tex"))
        body = table_formats.as_html(table.shown or table.rows, table.marked, table.bold)
        self.parts.append(f"<figure>{caption}{body}</figure>")

    def figure(self, name, figure, words):
        """Write a figure of matplotlib, show it, and close it."""
        from .figures import plt

        for kind in "png", "svg":
            figure.savefig(self.folder / f"{name}.{kind}", dpi=DPI)
        plt.close(figure)
        png = (self.folder / f"{name}.png").read_bytes()
        width, height = size_of(png)
        self.parts.append(
            f"<figure><a href='{html.escape(name, quote=True)}.png'>"
            f"<img src='data:image/png;base64,{base64.b64encode(png).decode()}' "
            f"width={width} height={height} alt='{html.escape(words, quote=True)}'></a>"
            f"{self.caption(words, name, ('png', 'svg'))}</figure>"
        )

    def clear(self, page):
        """Remove the files of an earlier report that this one has not made.

        They would be taken for those of this result. The page of the earlier report names them."""
        text = page.read_text(errors="replace") if page.is_file() else ""
        if "<title>barydef: " in text:
            for name in set(re.findall("<a href='([^']+)'>", text)) - self.made:
                if NAMES.fullmatch(name):
                    (self.folder / name).unlink(missing_ok=True)

    def write(self, title):
        """Write the page. Returns its path."""
        path, title = self.folder / "report.html", html.escape(title)
        self.clear(path)
        path.write_text(
            "<!doctype html><html lang=en><head><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width'>"
            f"<title>{title}</title><style>{STYLE}</style></head>"
            f"<body><h1>{title}</h1>{''.join(self.parts)}</body></html>\n"
        )
        return path

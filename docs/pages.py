"""Generated pages of the site.

Pages on commands, settings, the Python interface and errors are generated from the sources. README
and similar files are copied from the top of the repository, where visitors look for them, and the
pages of plug-ins from `plugins/`. `conf.py` writes all of these pages before Sphinx reads the
folder; none is under version control.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path

import nmtool
from nmtool.cli import help as command_help
from nmtool.cli.commands import COMMANDS
from nmtool.cli.main import full_parser
from nmtool.options import texts_of
from nmtool.training.options import GROUPS
from tests.messages import KINDS, PARTS, messages

ROOT = Path(__file__).parents[1]

AT_THE_TOP = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "benchmarks.md": "benchmarks/README.md",
}
"""Pages copied from the top: their name on the site, and their source in the repository."""


def plugins() -> dict[str, list[str]]:
    """The pages of each folder of `plugins/`, by its name: its README as `index.md`, and others."""
    pages = {path.parent.name: ["index.md"] for path in sorted(ROOT.glob("plugins/*/README.md"))}
    for path in sorted(ROOT.glob("plugins/*/docs/*.md")):
        pages[path.parts[-3]].append(path.name)
    return pages


def copied() -> dict[str, str]:
    """All copied pages: their name on the site, and their source in the repository."""
    sources = dict(AT_THE_TOP)
    for name, pages in plugins().items():
        sources |= {f"plugins/{name}/{page}": f"plugins/{name}/docs/{page}" for page in pages}
        sources[f"plugins/{name}/index.md"] = f"plugins/{name}/README.md"
    return sources


def write(folder: Path) -> None:
    """Generate all pages, and write each changed page into a folder."""
    copies = {page: (ROOT / source).read_text("utf-8") for page, source in copied().items()}
    copies["index.md"] += contents()
    for name, pages in plugins().items():
        copies[f"plugins/{name}/index.md"] += toctree(
            page.removesuffix(".md") for page in pages[1:]
        )
        images = ROOT / "plugins" / name / "docs" / "images"
        if images.is_dir():
            shutil.copytree(images, folder / "plugins" / name / "images", dirs_exist_ok=True)
    single = {"settings.md": settings_page(), "errors.md": errors_page()}
    written = copies | single | dict(command_pages()) | dict(python_pages())
    for made in ("commands", "python", "plugins"):
        for file in (folder / made).rglob("*.md"):
            if (
                file.relative_to(folder).as_posix() not in written
            ):  # e.g. of a plug-in that has gone
                file.unlink()
    for name, text in written.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def linked(page: str, text: str) -> str:
    """The text of a page, with its links changed to pages of the site.

    In the repository, links are relative to the folder of the file. A link to a file that is not on
    the site, such as a page of a plug-in that is not there, becomes plain text.
    """
    sources = copied()
    here = Path(sources.get(page, f"docs/{page}")).parent
    pages = {source: name for name, source in sources.items()}

    def site_link(link: re.Match[str]) -> str:
        label, target, anchor = link["label"], link["target"], link["anchor"] or ""
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        place = Path(os.path.normpath(here / target)).as_posix()
        if place in pages:
            return f"{link['mark']}[{label}](/{pages[place]}{anchor})"
        if place.startswith("docs/"):
            return f"{link['mark']}[{label}](/{place.removeprefix('docs/')}{anchor})"
        if image := re.fullmatch(r"plugins/(\w+)/docs/(images/.*)", place):
            return f"{link['mark']}[{label}](/plugins/{image[1]}/{image[2]})"
        return label

    return re.sub(
        r"(?P<mark>!?)\[(?P<label>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)",
        site_link,
        text,
    )


SUBJECTS = """
```{toctree}
:hidden:
:caption: Use

install
tutorial-first
tutorial-own-data
tutorial-foreign
tutorial-own-loop
coming-from
guide
library
settings
commands/index
python/index
errors
troubleshooting
glossary
```

```{toctree}
:hidden:
:caption: Concepts

eventprop
arithmetic
standard
certificate
```

```{toctree}
:hidden:
:caption: Formats and chips

targets
loihi2
nir
recording
plugins
```

```{toctree}
:hidden:
:caption: How it works

architecture
results
lessons
benchmarks
```

```{toctree}
:hidden:
:caption: The project

contributing
security
changelog
```
"""
"""Navigation in the sidebar of the site, without plug-ins."""


def contents() -> str:
    """Navigation in the sidebar of the site."""
    pages = [f"plugins/{name}/index" for name in plugins()]
    return SUBJECTS + (toctree(pages, "Plug-ins") if pages else "")


# Commands.


def command_pages() -> Iterator[tuple[str, str]]:
    """A page per command, and one that lists them."""
    parser = full_parser()
    [commands] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    rows = []
    for subject, names in groupby(COMMANDS, lambda name: COMMANDS[name].subject):
        rows.append(f"\n## {subject.capitalize()}\n\n| | |\n|---|---|")
        rows += [f"| [`nmtool {name}`]({name}.md) | {COMMANDS[name].text} |" for name in names]
    contents = toctree(COMMANDS)
    yield (
        "commands/index.md",
        "\n".join(["# Commands", "", sentence(parser.epilog or ""), *rows, contents]),
    )
    for name in COMMANDS:
        yield f"commands/{name}.md", command_page(commands.choices[name])


def command_page(parser: argparse.ArgumentParser) -> str:
    """Usage, arguments and options of a command, as in its help."""
    lines = [f"# {parser.prog}", "", f"{sentence(parser.description or '')}", ""]
    lines += ["```", command_help.usage(parser), "```", ""]
    for title, text, actions in command_help.sections(parser):
        shown = [action for action in actions if action.help != argparse.SUPPRESS]
        if not shown:
            continue
        lines += [f"## {(title or '').capitalize()}", ""]
        if text:
            lines += [text, ""]
        for action in shown:
            lines += [f"`{invocation(action)}`", f": {sentence(help_text(action)) or '—'}", ""]
    lines += closing(parser.epilog or "")
    return "\n".join(lines)


def closing(epilog: str) -> Iterator[str]:
    """The end of a command's help: examples, one per line, and the sentences that follow them."""
    parts = re.fullmatch(r"(?:examples?: (.*?)(?:\. (?=[A-Z])|$))?(.*)", epilog, re.DOTALL)
    assert parts is not None
    if parts[1]:
        yield from ("## Examples", "", "```")
        for example in parts[1].rstrip(".").split("; "):
            *words, command = example.split(": ")
            yield f"{command}  # {words[0]}" if words else command
        yield from ("```", "")
    if parts[2]:
        yield from (sentence(parts[2]), "")


def toctree(names: Iterable[str], caption: str = "") -> str:
    """Navigation in the sidebar for the pages of a folder."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *names, "```", ""])


def parts_of(guide: str) -> str:
    """Navigation in the sidebar for the pages of the guide, in the order of its links."""
    return toctree(dict.fromkeys(re.findall(r"\((guide/[a-z-]+)\.md\)", guide)))


def invocation(action: argparse.Action) -> str:
    """An option with its argument, as it is typed."""
    formatter = argparse.HelpFormatter("nmtool")
    return formatter._format_action_invocation(action)


def help_text(action: argparse.Action) -> str:
    """The help of an option, with its default and choices inserted."""
    return argparse.HelpFormatter("nmtool")._expand_help(action) if action.help else ""


def sentence(text: str) -> str:
    """The text with a capital letter at its start and a full stop at its end."""
    return text and text[:1].upper() + text[1:].rstrip(".") + "."


def settings_page() -> str:
    """Every setting of training, by subject."""
    lines = [
        "# Settings of training",
        "",
        "You want to know the meaning of a setting, and its default. Settings are fields of "
        "`nmtool.TrainOptions` and of files for `--config`. As options of `nmtool train`, they "
        "have dashes, and times lose their `_ms`: `delay_lr` is `--delay-lr`, `tau_mem_ms` is "
        "`--tau-mem`. [Train](/guide/train.md) lists the most important settings.",
        "",
    ]
    for group in GROUPS:
        lines += [f"## {group.heading.capitalize()}", ""]
        for option in fields(group):
            words, choices = sentence(texts_of(group)[option.name]), option.metadata["choices"]
            if choices:
                words += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
            default = "" if option.default is None else f" = `{json.dumps(option.default)}`"
            lines += [f"`{option.name}`{default}", f": {words}", ""]
        lines.append("")
    return "\n".join(lines)


# The Python interface.


def sections() -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles of sections, and their names with descriptions.

    The sections are those of `nmtool`'s docstring, and one of the names that plug-ins add.
    """
    entries: list[tuple[str, list[tuple[str, str]]]] = []
    for line in (nmtool.__doc__ or "").splitlines():
        if line and not line.startswith(" ") and line.endswith(":"):
            entries.append((line.partition(",")[0].rstrip(":"), []))
        elif entries and (entry := re.fullmatch(r" {4}(\w+) {2,}(\S.*)", line)):
            entries[-1][1].append((entry[1], entry[2]))
    listed = {name for _, names in entries for name, _ in names}
    others = sorted(set(nmtool.__all__) - listed - {"__version__"})
    entries.append(("Plug-ins", [(name, _first_line(name)) for name in others]))
    return [(title, names) for title, names in entries if names]


def _first_line(name: str) -> str:
    """The first line of a public name's docstring, without its full stop."""
    return (inspect.getdoc(getattr(nmtool, name)) or "").partition("\n")[0].rstrip(".")


def slug(title: str) -> str:
    """A title as the name of a page."""
    return "-".join(title.lower().split())


def python_pages() -> Iterator[tuple[str, str]]:
    """A page per section of `import nmtool`, and one that lists all names."""
    first = (nmtool.__doc__ or "").partition("\nFunctions, which")[0]
    about, _, example = first.partition("\n")
    code = "\n".join(line.removeprefix("    ") for line in example.strip("\n").splitlines())
    lines = ["# Python", "", sentence(about), "", "```python", code.strip(), "```", ""]
    for title, names in sections():
        page = f"{slug(title)}.md"
        lines += [f"## {title}", "", "| | |", "|---|---|"]
        lines += [f"| [`{name}`]({page}#{name.lower()}) | {words} |" for name, words in names]
        lines.append("")
        yield f"python/{page}", f"# {title}\n\n{''.join(member(name) for name, _ in names)}"
    lines.append(toctree(slug(title) for title, _ in sections()))
    yield "python/index.md", "\n".join(lines)


def member(name: str) -> str:
    """The directive for Sphinx's documentation of a public name."""
    value = getattr(nmtool, name)
    # Inherited members count as a class's own, but for those of Python and torch.
    members = "\n   :members:\n   :inherited-members: BaseException, Module, object"
    kind, more = ("autoclass", members) if isinstance(value, type) else ("autofunction", "")
    return f"## {name}\n\n```{{eval-rst}}\n.. {kind}:: nmtool.{name}{more}\n```\n\n"


# Errors.


def errors_page() -> str:
    """The codes of all errors and findings, with their texts: what, why and fix."""
    known = sorted(message for message in messages() if message.code and "{" not in message.code)
    lines = [
        "# Errors by code",
        "",
        "Codes of errors and findings never change; their texts may. A `…` stands for a value. The "
        "exit code of a command is 1 if a check or comparison fails, 2 for wrong usage or input, "
        "and 3 if a library or program is missing. A finding alone does not stop a command.",
        "",
    ]
    for code, group in groupby(known, key=lambda message: message.code):
        entries = list(group)
        lines += [f"({code})=", f"## `{code}`", ""]
        lines += [", ".join(dict.fromkeys(kind(message.kind) for message in entries)), ""]
        for words in dict.fromkeys(message.words for message in entries):
            # A part that consists only of a value has no words to show.
            texts = {part: escaped(text) for part, text in words if text != "{…}"}
            lines.append(
                f"- {sentence(texts.get('what', 'The message itself states the problem'))}"
            )
            lines += [
                f"  *{part.capitalize()}:* {texts[part]}." for part in PARTS[1:] if part in texts
            ]
        lines.append("")
    return "\n".join(lines)


def kind(name: str) -> str:
    """A class of errors with its exit code."""
    code = getattr(KINDS[name], "exit_code", None)
    return f"`{name}`" if code is None else f"`{name}`, exit code {code}"


def escaped(text: str) -> str:
    """The text of a message, escaped for Markdown, with … for values."""
    return re.sub(r"([*_`<>\[\]|\\])", r"\\\1", text.replace("{…}", "…").replace("⏎", " "))

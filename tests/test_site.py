"""Generated pages of the site are complete, and their links are valid."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import nmtool
from docs import pages
from nmtool.cli.commands import COMMANDS
from nmtool.cli.main import _parser
from nmtool.training.options import TrainOptions
from tests.messages import Message, messages

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def listed() -> list[Message]:
    return list(messages())


@pytest.fixture(scope="module")
def written(listed: list[Message], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "messages", lambda: iter(listed))
        pages.write(folder)
    return folder


def test_every_command_has_a_page_with_all_its_options(written: Path) -> None:
    index = (written / "commands" / "index.md").read_text("utf-8")
    for name in COMMANDS:
        text = (written / "commands" / f"{name}.md").read_text("utf-8")
        assert text.startswith(f"# nmtool {name}\n")
        assert f"[`nmtool {name}`]({name}.md)" in index
    train = (written / "commands" / "train.md").read_text("utf-8")
    for option in fields(TrainOptions):
        assert f"`--{option.name.removesuffix('_ms').replace('_', '-')}" in train


def test_every_public_name_and_setting_is_there(written: Path) -> None:
    documented = "\n".join(page.read_text("utf-8") for page in (written / "python").glob("*.md"))
    for name in nmtool.__all__:
        if name not in ("plot", "__version__"):
            assert f":: nmtool.{name}\n" in documented, name
    settings = (written / "settings.md").read_text("utf-8")
    for option in fields(TrainOptions):
        assert f"\n`{option.name}`" in settings


def test_every_error_code_has_an_entry(written: Path, listed: list[Message]) -> None:
    errors = (written / "errors.md").read_text("utf-8")
    codes = {message.code for message in listed if message.code and "{" not in message.code}
    assert len(codes) > 200
    assert all(f"({code})=\n## `{code}`\n" in errors for code in codes)


def test_unchanged_pages_are_not_rewritten(
    written: Path, listed: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "messages", lambda: iter(listed))
    before = {file: file.stat().st_mtime_ns for file in written.rglob("*.md")}
    pages.write(written)
    assert {file: file.stat().st_mtime_ns for file in written.rglob("*.md")} == before


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("index.md", "[a](docs/guide/live.md#decisions)", "[a](/guide/live.md#decisions)"),
        ("index.md", "![a](docs/images/raster.svg)", "![a](/images/raster.svg)"),
        ("index.md", "[a](CHANGELOG.md)", "[a](/changelog.md)"),
        ("index.md", "[a](examples/x.py)", "a"),
        ("guide.md", "[a](../README.md)", "[a](/index.md)"),
        ("guide.md", "[a](../benchmarks/README.md)", "[a](/benchmarks.md)"),
        ("index.md", "[a](plugins/gone/README.md#b)", "a"),
        ("guide.md", "[a](results.md)", "[a](/results.md)"),
        ("guide/live.md", "[a](../results.md#live)", "[a](/results.md#live)"),
        ("guide/live.md", "![a](../images/x.svg)", "![a](/images/x.svg)"),
        ("guide.md", "[a](#here)", "[a](#here)"),
        ("guide.md", "[a](https://example.org/x)", "[a](https://example.org/x)"),
    ],
)
def test_links(page: str, link: str, becomes: str) -> None:
    assert pages.linked(page, f"See {link}.") == f"See {becomes}."


def test_pages_of_plugins_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, mine = tmp_path / "docs", tmp_path / "plugins" / "mine"
    (mine / "docs" / "images").mkdir(parents=True)
    (mine / "README.md").write_text("# mine\n")
    (mine / "docs" / "page.md").write_text("# Page\n")
    (mine / "docs" / "images" / "x.svg").write_text("<svg/>")
    for source in pages.AT_THE_TOP.values():
        (tmp_path / source).parent.mkdir(exist_ok=True)
        (tmp_path / source).write_text("# Top\n")
    (site / "plugins" / "gone").mkdir(parents=True)
    (site / "plugins" / "gone" / "index.md").write_text("# Gone\n")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "messages", lambda: iter([]))
    pages.write(site)
    assert "\nplugins/mine/index\n" in (site / "index.md").read_text()
    assert "\npage\n" in (site / "plugins" / "mine" / "index.md").read_text()
    copied = {path.relative_to(site / "plugins").as_posix() for path in site.glob("plugins/**/*.*")}
    assert copied == {"mine/index.md", "mine/page.md", "mine/images/x.svg"}
    linked = "[a](/plugins/mine/page.md#b) ![c](/plugins/mine/images/x.svg) [d](/targets.md)"
    text = "[a](docs/page.md#b) ![c](docs/images/x.svg) [d](../../docs/targets.md)"
    assert pages.linked("plugins/mine/index.md", text) == linked


DOCS = Path(pages.__file__).parent
MADE = {"settings.md", "errors.md", *pages.AT_THE_TOP}
PAGES = [path for path in (*DOCS.glob("*.md"), *DOCS.glob("guide/*.md")) if path.name not in MADE]
OF_PLUGINS = [*DOCS.parent.glob("plugins/*/docs/*.md")]
READMES = [DOCS.parent / "README.md", *DOCS.parent.glob("plugins/*/README.md")]
PLACEHOLDERS = {"$S": "0", "STEP": "0.001", "W": "8", "R": "error", "…": "x"}


def commands(page: Path) -> Iterator[list[str]]:
    """The nmtool commands in the blocks of a page, without comments and the program's name."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    shell = "".join(text for language, text in blocks if not language).replace("\\\n", " ")
    for line in shell.splitlines():
        for command in re.split(r" ; | && |\s{2,}\(|\s+# ", line):
            if command.startswith("nmtool "):
                words = shlex.split(command)[1:]
                yield [PLACEHOLDERS.get(word, word.replace("$S", "0")) for word in words]


@pytest.mark.parametrize(
    "page",
    # Commands of docs/plugins.md need its package, with which its test runs them.
    [page for page in (*READMES, *PAGES, *OF_PLUGINS) if page.name != "plugins.md"],
    ids=lambda page: f"{page.parent.name}/{page.stem}",
)
def test_commands_of_pages_are_parsed(page: Path) -> None:
    for words in commands(page):
        assert _parser(words[0])[0].parse_args(words).run


def test_there_are_commands_on_pages() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 60


@pytest.mark.parametrize("page", [*PAGES, *OF_PLUGINS], ids=lambda page: page.stem)
def test_pages_end_with_the_next_page_to_read(page: Path) -> None:
    [last] = re.findall(r"^Next: .*\Z", page.read_text("utf-8").rstrip(), re.MULTILINE | re.DOTALL)
    assert "](" in last

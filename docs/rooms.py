"""The figure of docs/architecture.md: rooms, and three ways through them.

python -m docs.rooms

A stop is a class or function on a way; a test checks that each of them exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

FIGURE = Path(__file__).parent / "images" / "rooms.svg"
WIDTH, HEIGHT = 800, 612

LEFT, MIDDLE, RIGHT = 20, 332, 560
"""Left borders of the three columns of rooms, on which stops lie; ways run between columns."""


@dataclass(frozen=True)
class Stop:
    """A stop of a way.

    Attributes:
        file: file in the repository, relative to its root.
        name: name of the class or function in the file.
        at: x and y of its dot.
        via: corners of the way from the previous stop.
        note: text after the name.
    """

    file: str
    name: str
    at: tuple[int, int]
    via: Sequence[tuple[int, int]] = ()
    note: str = ""


@dataclass(frozen=True)
class Room:
    """A box: folders or files of the repository.

    Attributes:
        title: title in the box.
        about: description next to the title.
        paths: prefixes of the paths of its files.
        box: x, y, width and height.
    """

    title: str
    about: str
    paths: Sequence[str]
    box: tuple[int, int, int, int]


ROOMS = (
    Room("cli", "a module per command", ("nmtool/cli/",), (LEFT, 16, 764, 76)),
    Room("training", "learns weights and delays", ("training/",), (LEFT, 108, 296, 246)),
    Room("exchange", "export, convert", ("nmtool/exchange/",), (MIDDLE, 108, 212, 46)),
    Room("reporting", "a page of results", ("nmtool/reporting/",), (MIDDLE, 162, 212, 46)),
    Room("targets", "chips: fit and cost", ("nmtool/targets/",), (MIDDLE, 216, 212, 46)),
    Room("quantisation", "rounds", ("nmtool/quantisation/",), (MIDDLE, 270, 212, 84)),
    Room("exporters", "a class per format", ("exporters/",), (RIGHT, 108, 224, 154)),
    Room("hardware_sim", "the integer step", ("hardware_sim/",), (RIGHT, 270, 224, 84)),
    Room("data", "events, splits, reading files", ("nmtool/data/",), (LEFT, 370, 296, 84)),
    Room("verification", "spike for spike", ("nmtool/verification/",), (MIDDLE, 370, 212, 84)),
    Room("evaluation", "accuracies", ("nmtool/evaluation/",), (RIGHT, 370, 224, 84)),
    Room(
        "ground floor",
        "networks, rasters, errors",
        ("nmtool/network/", "nmtool/raster.py"),
        (LEFT, 470, 764, 84),
    ),
)
"""All rooms, from the command line at the top to the data types at the bottom."""

WAYS = {
    "spike": (
        "a spike of the input, to the loss",
        (
            Stop("nmtool/data/binning.py", "bin_events", (LEFT, 420)),
            Stop("nmtool/raster.py", "Raster", (LEFT, 524)),
            Stop("training/loop/trainer.py", "Trainer", (LEFT, 154), [(8, 506), (8, 172)]),
            Stop("training/front/model.py", "SpikingNetwork", (LEFT, 182)),
            Stop("training/front/layers.py", "Layer", (LEFT, 210)),
            Stop("training/engines/cpu/layer.py", "Layer", (LEFT, 238)),
            Stop("training/engines/cpu/kernels/forward.py", "run_lif", (LEFT, 266)),
            Stop("training/front/losses.py", "cross_entropy", (LEFT, 294)),
        ),
    ),
    "delay": (
        "a delay, from learning to a format",
        (
            Stop("training/front/model.py", "Projection", (LEFT, 328)),
            Stop(
                "nmtool/network/float_network.py",
                "Network",
                (MIDDLE, 524),
                [(LEFT + 14, 362), (MIDDLE - 22, 362), (MIDDLE - 8, 376), (MIDDLE - 8, 506)],
            ),
            Stop("nmtool/quantisation/delays.py", "DelayGrid", (MIDDLE, 320)),
            Stop(
                "nmtool/network/integer_network.py",
                "IntegerNetwork",
                (RIGHT, 524),
                [(MIDDLE + 14, 362), (RIGHT - 22, 362), (RIGHT - 8, 376), (RIGHT - 8, 506)],
            ),
            Stop("hardware_sim/kernel.py", "kernels", (RIGHT, 320)),
            Stop("exporters/format.py", "Format", (RIGHT, 238), note="encode"),
        ),
    ),
    "error": (
        "an error in a NIR file, to the screen",
        (
            Stop("exporters/nir/checking.py", "checked", (RIGHT, 202)),
            Stop("exporters/format.py", "Format", (RIGHT, 160), note="read"),
            Stop("nmtool/cli/failures.py", "for_people", (RIGHT, 70)),
            Stop("nmtool/cli/console.py", "print_error", (RIGHT, 40)),
        ),
    ),
}
"""The ways, each with its label and its stops."""

STYLE = """
text { font-family: sans-serif; font-size: 13px; fill: #222 }
.title { font-weight: bold; font-size: 15px }
.about { fill: #555 }
.number { fill: #fff; font-size: 12px; font-weight: bold; text-anchor: middle }
.page { fill: #fff } .room { fill: #f4f6f9; stroke: #8a97a8 }
.spike { stroke: #2f6db3 } circle.spike { fill: #2f6db3 }
.delay { stroke: #a8690a } circle.delay { fill: #a8690a }
.error { stroke: #b3313f } circle.error { fill: #b3313f }
path { fill: none; stroke-width: 2.5; stroke-linejoin: round }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } .about { fill: #aab } .number { fill: #111 }
  .page { fill: #16181c } .room { fill: #22262d; stroke: #6c7889 }
  .spike { stroke: #7db1ee } circle.spike { fill: #7db1ee }
  .delay { stroke: #e5a94a } circle.delay { fill: #e5a94a }
  .error { stroke: #f08a95 } circle.error { fill: #f08a95 }
}
"""
"""Dark text on white, or light text on black for readers whose system is in dark mode."""


def svg() -> str:
    """The figure."""
    return "\n".join([*_parts(), "</svg>", ""])


def _parts() -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
    yield "<title>Rooms, and the ways of a spike, a delay and an error through them</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>'
    for room in ROOMS:
        x, y, width, height = room.box
        yield f'<rect class="room" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
        yield f'<text x="{x + 18}" y="{y + 22}"><tspan class="title">{room.title}</tspan>'
        yield f'<tspan class="about" dx="8">{room.about}</tspan></text>'
    for way, (_, stops) in WAYS.items():
        corners = [corner for stop in stops for corner in (*stop.via, stop.at)]
        yield f'<path class="{way}" d="M{" L".join(f"{x} {y}" for x, y in corners)}"/>'
    for nth, (way, (words, stops)) in enumerate(WAYS.items()):
        for number, stop in enumerate(stops, 1):
            yield from _dot(way, str(number), stop.at, _words(stop))
        yield from _dot(way, "", (28 + 258 * nth, 586), words)


def room_of(stop: Stop) -> Room:
    """The room that contains the file of a stop."""
    return next(room for room in ROOMS if stop.file.startswith(tuple(room.paths)))


def _words(stop: Stop) -> str:
    """The file of a stop, relative to its room, and the name of the class or function."""
    folder = next(path for path in room_of(stop).paths if stop.file.startswith(path))
    within = Path(stop.file.removeprefix(folder) or Path(folder).name).with_suffix("")
    return f"{within}.{stop.name}" + (stop.note and f": {stop.note}")


def _dot(way: str, number: str, at: tuple[int, int], words: str) -> Iterator[str]:
    x, y = at
    yield f'<circle class="{way}" cx="{x}" cy="{y}" r="10"/>'
    yield f'<text class="number" x="{x}" y="{y + 4}">{number}</text>'
    yield f'<text x="{x + 18}" y="{y + 5}">{escape(words)}</text>'


def main() -> None:
    """Draw the figure."""
    FIGURE.write_text(svg(), encoding="utf-8")
    print(f"{FIGURE} written")


if __name__ == "__main__":
    main()

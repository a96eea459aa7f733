"""The picture of the README: spikes of one test digit, as trained and as deployed in Lava.

    python -m docs.raster

The network is `zoo:digits`, which was trained in the chip's integers. The digit runs in the
forward pass of training, and in Lava's own process models. Needs torch, scikit-learn and Lava's
environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import nmtool as nm

PICTURE = Path(__file__).parent / "images" / "raster.svg"

DIGIT = 0
"""Index of the drawn test sample."""

WIDTH, HEIGHT = 720, 400
PANEL_WIDTH, PANEL_HEIGHT = 312, 232
LEFT, RIGHT, TOP = 32, 380, 74
"""Left edges of the two panels, and their upper edge."""

STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de }
  .panel { fill: #f6f8fa }
  text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .head { font-size: 23px; font-weight: 600 }
  .note { font-size: 18px; fill: #59636e }
  .verdict { font-size: 27px; font-weight: 700; fill: #1a7f37 }
  .verdict.bad, circle.bad { fill: #cf222e }
  .spike { fill: #0b62c4 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d }
    .panel { fill: #161b22 }
    text { fill: #f0f6fc }
    .note { fill: #9198a1 }
    .verdict { fill: #3fb950 }
    .verdict.bad, circle.bad { fill: #f85149 }
    .spike { fill: #58a6ff }
  }
"""
"""The card has a background of its own, so that it can be read on any page."""


def recorded() -> tuple[nm.Raster, nm.Raster]:
    """Record the hidden spikes of the digit in the forward pass of training, and in Lava."""
    integers = nm.zoo.load("digits")
    sample = integers.bin(nm.load_dataset("digits").test.take([DIGIT])).raster
    sizes = [integers.channels.size, *(population.size for population in integers.populations)]
    shape = nm.Network.layers(sizes, n_steps=integers.n_steps, dt_ms=integers.dt_ms)
    trained = nm.SpikingNetwork(shape, rounding=integers).record(sample)
    stock = {"lava": {"model": "stock"}}
    certificate = nm.verify(integers, sample, against=["lava"], options=stock)
    print(certificate)
    return trained.spikes["hidden"], certificate.checks["lava"].recording.spikes["hidden"]


def draw(trained: nm.Raster, deployed: nm.Raster) -> str:
    """Draw the spikes of one sample in two rasters, with differences in red, as SVG.

    Rows are the neurons that spike, in the order of their first spike in `trained`. Time begins a
    few steps before the first spike.
    """
    before, after = trained.dense()[0], deployed.dense()[0]
    either = before | after
    start = max(0, int(either.any(axis=1).argmax()) - 2)
    first = np.where(before.any(axis=0), before.argmax(axis=0), len(before))
    order = [neuron for neuron in np.argsort(first, kind="stable") if either[:, neuron].any()]
    before, after = before[start:, order], after[start:, order]
    count = int((before != after).sum())
    verdict = "verdict bad" if count else "verdict"
    middle, below = WIDTH // 2, TOP + PANEL_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="The same spikes, trained and deployed: different {count}">',
        f"<style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
    ]
    titles = ("trained", "in nmtool"), ("deployed", "in Lava, Intel’s model of Loihi 2")
    for left, spikes, (title, where) in zip((LEFT, RIGHT), (before, after), titles, strict=True):
        lines += [
            f'<text class="head" x="{left - 6}" y="36">{title}</text>',
            f'<text class="note" x="{left - 6}" y="61">{where}</text>',
            f'<rect class="panel" x="{left - 6}" y="{TOP}" width="{PANEL_WIDTH + 12}" '
            f'height="{PANEL_HEIGHT}" rx="4"/>',
            *_dots(spikes, before != after, left),
        ]
    lines += [
        f'<text class="note" x="{middle}" y="{below + 28}" text-anchor="middle">'
        "a handwritten digit: a row per neuron, a dot per spike, time to the right</text>",
        f'<text class="{verdict}" x="{middle}" y="{below + 68}" text-anchor="middle">'
        f"{int(before.sum())} spikes, different {count}</text>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _dots(spikes: NDArray[np.bool_], differs: NDArray[np.bool_], left: int) -> Iterator[str]:
    """Draw a dot per spike, [steps, rows]; those that the other raster lacks are red."""
    steps, rows = spikes.shape
    across, down = PANEL_WIDTH / steps, (PANEL_HEIGHT - 12) / rows
    for step, row in zip(*np.nonzero(spikes), strict=True):
        kind = "bad" if differs[step, row] else "spike"
        x, y = left + (step + 0.5) * across, TOP + 6 + (row + 0.5) * down
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>'


def main() -> None:
    """Record the spikes, and draw them."""
    PICTURE.write_text(draw(*recorded()), encoding="utf-8")
    print(f"{PICTURE} written")


if __name__ == "__main__":
    main()

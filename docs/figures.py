"""The figure of docs/eventprop.md, drawn from the variables that its Python blocks compute.

python -m docs.figures
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from nmtool.dynamics import drive_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent
PAGE, FIGURE = HERE / "eventprop.md", HERE / "images" / "eventprop.svg"

DT_MS = 0.05
"""Time step of the curves."""

BLUE, RED, GREY, GOLD = "#4477aa", "#aa3344", "#888888", "#b07d12"


def page_values() -> dict[str, Any]:
    """Run the Python blocks of the page, and return the variables that they define, by name."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    values: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec("".join(blocks), values)
    return values


def draw(values: dict[str, Any]) -> Figure:
    """Draw spikes with their delays, the membrane and the adjoint variables on one time axis."""
    trace, gradients = values["stepped"](DT_MS)
    spikes = trace.spikes["hidden"].step * DT_MS
    time = np.arange(trace.membrane["hidden"].shape[1]) * DT_MS
    style = {"svg.fonttype": "none", "svg.hashsalt": "nmtool", "font.size": 9}
    with mpl.rc_context(style):
        figure = Figure((7.2, 6.2), layout="constrained")
        rows = figure.subplots(3, 1, sharex=True, height_ratios=(1.2, 1, 1.3))
        _draw_delays(rows[0], values, spikes)
        _draw_membrane(rows[1], time, trace.membrane["hidden"][0, :, 0], spikes)
        arrivals = values["events"].time_ms + values["delays_ms"][0][values["events"].neuron, 0]
        neuron = values["hidden"]
        b = drive_scale(neuron.tau_mem_ms, neuron.tau_syn_ms, DT_MS)
        adjoint = gradients.mu_v["hidden"][0, :, 0], b * gradients.mu_u["hidden"][0, :, 0]
        _draw_adjoint(rows[2], time, adjoint, spikes, arrivals)
        rows[2].set_xlabel("time in ms")
        rows[2].set_xlim(0, 45)
    return figure


def _draw_delays(axes: Axes, values: dict[str, Any], spikes: np.ndarray) -> None:
    """Draw the emission and arrival of every spike, with its delay as an arrow between them."""
    events, delays = values["events"], values["delays_ms"]
    arriving = zip(events.time_ms, events.neuron, strict=True)
    sent = [(2.0 - e, t, delays[0][e, 0], BLUE) for t, e in arriving]
    sent += [(-1.0, t, delays[1][0, 0], RED) for t in spikes]
    for row, emitted, delay, colour in sent:
        axes.plot([emitted, emitted], [row - 0.32, row + 0.32], color=colour, lw=2)
        arrow = {"arrowstyle": "->", "color": GREY, "shrinkA": 2, "shrinkB": 0}
        axes.annotate("", (emitted + delay, row), (emitted, row), arrowprops=arrow)
        axes.text(emitted + delay / 2, row + 0.12, f"{delay:g} ms", ha="center", fontsize=7)
    axes.set_yticks([2, 1, 0, -1], ["channel 0", "channel 1", "channel 2", "hidden neuron"])
    axes.set_ylim(-1.6, 2.7)
    axes.set_title("spikes, and when they arrive", loc="left", fontsize=9)


def _draw_membrane(axes: Axes, time: np.ndarray, membrane: np.ndarray, spikes: np.ndarray) -> None:
    axes.axhline(1, color=GREY, ls=":", lw=1)
    axes.text(44.5, 1.04, "θ", ha="right", color=GREY)
    axes.set_ylim(-0.05, 1.25)
    axes.plot(time, membrane, color=BLUE)
    for spike in spikes:
        axes.axvline(spike, color=RED, lw=0.8)
    axes.set_ylabel("V")
    axes.set_title("membrane of the hidden neuron: forward →", loc="left", fontsize=9)


def _draw_adjoint(
    axes: Axes,
    time: np.ndarray,
    adjoint: tuple[np.ndarray, np.ndarray],
    spikes: np.ndarray,
    arrivals: np.ndarray,
) -> None:
    """Draw λ_V with its jumps, and λ_I with the times at which gradients are read."""
    by_v, by_u = adjoint
    axes.plot(time, by_v, color=GOLD, label="∂L/∂V = $-τ_m·λ_V$")
    axes.plot(time, by_u, color=BLUE, label="∂L/∂I = $-τ_s·λ_I$")
    for spike in spikes:
        axes.axvline(spike, color=RED, lw=0.8)
    axes.plot(arrivals, np.interp(arrivals, time, by_u), "o", color=BLUE, ms=5)
    axes.axhline(0, color=GREY, lw=0.6)
    axes.legend(loc="upper right", frameon=False)
    axes.set_title(
        "← backward: jumps at spikes, gradients at arrivals (dots)", loc="left", fontsize=9
    )


def main() -> None:
    """Draw the figure."""
    draw(page_values()).savefig(FIGURE, metadata={"Date": None})
    print(f"{FIGURE} written")


if __name__ == "__main__":
    main()

"""Write your own training loop: the sequence task, solved by learning delays alone.

Two inputs spike 10 ms apart; the class is their order. Both project to two non-spiking outputs
through synapses with a fixed weight of 1. Only delays can distinguish the orders: the output with
the larger membrane is the one at which both spikes arrive together. The initial delays give the
wrong class for both orders.

    python examples/own_training_loop.py [FILE.npz]      (by default sequence.npz)

prints

    presentation 1  loss 1.740  correct 0 of 2
    presentation 2  loss 1.372  correct 0 of 2
    presentation 3  loss 0.906  correct 0 of 2
    presentation 4  loss 0.518  correct 2 of 2
    delays in steps [[6, 4], [4, 6]], saved to sequence.npz
"""

from __future__ import annotations

import sys

import numpy as np
import torch

import nmtool as nm

MAX_PRESENTATIONS = 6


def sequence_network() -> nm.Network:
    """Two inputs and two outputs, with delays that give the wrong class for both orders."""
    outputs = nm.Population("output", 2, "li", tau_mem_ms=20.0, tau_syn_ms=5.0)
    synapses = nm.Projection("input", "output", np.ones((2, 2)), np.array([[0, 10], [10, 0]]))
    readout = nm.Readout("output", "max")
    return nm.Network(nm.InputChannels(2), [outputs], [synapses], readout, dt_ms=1.0, n_steps=60)


def two_orders() -> tuple[nm.Raster, torch.Tensor]:
    """Two samples: input 0 first (class 0), and input 1 first (class 1)."""
    spikes = np.zeros((2, 60, 2), bool)
    spikes[0, 0, 0] = spikes[0, 10, 1] = True
    spikes[1, 0, 1] = spikes[1, 10, 0] = True
    return nm.Raster.from_dense(spikes), torch.tensor([0, 1])


def main(path: str) -> None:
    network = sequence_network()
    model = nm.SpikingNetwork(network, max_delay=61)
    spikes, labels = two_orders()
    loss_of = nm.readout_loss(network, gain=20.0)
    (synapses,) = model.synapses
    synapses.weight.requires_grad_(False)
    optimiser = torch.optim.Adam([synapses.delay], lr=2.0)

    for presentation in range(1, MAX_PRESENTATIONS + 1):
        activity = model(spikes)
        loss = loss_of(activity, labels)
        correct = int((nm.predictions(activity, network) == labels).sum())
        print(f"presentation {presentation}  loss {loss.item():.3f}  correct {correct} of 2")
        if correct == 2:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.clamp_delays()

    learnt = model.to_network()
    learnt.save(path)
    print(f"delays in steps {learnt.projections[0].delay.tolist()}, saved to {path}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "sequence.npz")

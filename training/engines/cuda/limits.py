"""Cuts of the work that fit a GPU: threads, shared memory, samples in flight.

Every size that decides the order of a sum follows from the shapes alone, never from the card.
Free memory decides how many samples are in flight, which changes no result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nmtool.errors import UsageError
from nmtool.training.engines.cuda.kernels.forward import BUFFERS, WORD
from nmtool.training.engines.cuda.kernels.warps import PITCH, WARP


def blocks_of(size: int, part: int) -> int:
    """Number of parts that cover a size."""
    return -(-size // part)


@dataclass(frozen=True)
class Limits:
    """Resources that a block of threads may use.

    Attributes:
        threads: most threads of a block; a multiple of 32 up to 1024.
        shared_bytes: shared memory of a block. Every card grants 48 KB; Numba has no way to ask
            for more.
        scratch_bytes: most global memory for arrays that live only during a pass. The default
            holds the adjoint of 131 samples of 2000 steps of 1024 neurons in single precision:
            about one per multiprocessor of a large card.
        scratch_share: share of the free memory that they may take; the rest is for results.
        blocks: fewest blocks of a kernel over synapses, where there are samples enough.
    """

    threads: int = 1024
    shared_bytes: int = 48 << 10
    scratch_bytes: int = 2 << 30
    scratch_share: float = 0.5
    blocks: int = 4096

    def threads_for(self, size: int) -> int:
        """Threads of a block over `size` things: whole warps."""
        return min(self.threads, WARP * blocks_of(max(size, 1), WARP))

    def portions(
        self, n_samples: int, bytes_per_sample: int, free_bytes: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """First and last sample (exclusive) of every portion whose scratch memory fits.

        A single sample is a portion even where it does not fit.

        Args:
            n_samples: samples of the batch.
            bytes_per_sample: scratch memory of each.
            free_bytes: free memory of the card; None where nobody knows.
        """
        scratch = self.scratch_bytes
        if free_bytes is not None:
            scratch = min(scratch, int(self.scratch_share * free_bytes))
        size = max(1, scratch // max(1, bytes_per_sample))
        for first in range(0, n_samples, size):
            yield first, min(first + size, n_samples)

    def ring_lanes(self, arrival_span: int, itemsize: int) -> int:
        """Post-neurons that share a block of the kernel `afferent_drive`.

        Args:
            arrival_span: steps from a spike to its last arrival.
            itemsize: bytes of a float.

        Raises:
            UsageError: not even one neuron's ring fits.
        """
        lanes = WARP
        while lanes * arrival_span * itemsize > self.shared_bytes:
            if lanes == 1:
                raise UsageError(
                    f"delays of {arrival_span - 1} steps are too long to train on a GPU",
                    code="delays-too-long-for-gpu",
                    why=f"a neuron's input on its way takes {arrival_span * itemsize} bytes of a "
                    f"multiprocessor's shared memory; {self.shared_bytes} are granted",
                    fix="train on the CPU, shorten the delays, or use a longer time step",
                )
            lanes //= 2
        return lanes

    def state_bytes(self, neurons: int, itemsize: int) -> int:
        """Shared memory of the kernels `run_lif` and `run_lif_adjoint`.

        Two floats per neuron, then masks of spikes or the parts of warps.

        Raises:
            UsageError: more than a block may use.
        """
        words = words_of(neurons)
        masks = 4 * BUFFERS * (words + blocks_of(words, WORD))
        parts = self.threads_for(neurons) // WARP * PITCH * itemsize
        need = 2 * neurons * itemsize + max(masks, parts)
        if need > self.shared_bytes:
            raise UsageError(
                f"a population of {neurons} neurons is too large to train on a GPU",
                code="population-too-large-for-gpu",
                why=f"its state takes {need} bytes of a multiprocessor's shared memory; "
                f"{self.shared_bytes} are granted (populations that feed back on each other "
                "count as one)",
                fix="train on the CPU, or with smaller populations",
            )
        return need

    def window(self, n_steps: int, itemsize: int) -> int:
        """Steps of a trace, beside one more, that fit in shared memory."""
        return max(1, min(n_steps, self.shared_bytes // itemsize - 1))

    def chunk_size(self, n_samples: int, blocks: int) -> int:
        """Samples that a kernel over synapses adds up one after the other, 1 or more.

        Args:
            n_samples: samples of the batch.
            blocks: blocks per chunk.
        """
        chunks = max(1, min(n_samples, blocks_of(self.blocks, max(1, blocks))))
        return max(1, blocks_of(n_samples, chunks))


def words_of(neurons: int) -> int:
    """Words of a mask with one bit per neuron."""
    return blocks_of(neurons, WORD)

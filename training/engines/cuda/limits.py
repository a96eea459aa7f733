"""Division of the work to fit a GPU: threads, shared memory, samples per portion.

Sizes that determine the order of a sum depend only on the shapes, never on the GPU. Free memory
determines the samples per portion, which changes no result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nmtool.errors import UsageError
from nmtool.training.engines.cuda.kernels.forward import BUFFERS, WORD
from nmtool.training.engines.cuda.kernels.warps import PITCH, WARP


def blocks_of(size: int, part: int) -> int:
    """Number of blocks of `part` items that cover `size` items."""
    return -(-size // part)


@dataclass(frozen=True)
class Limits:
    """Limits on threads and memory of the kernels.

    Attributes:
        threads: maximum threads per block; a multiple of 32 up to 1024.
        shared_bytes: shared memory per block. Every GPU has 48 KB; Numba cannot request more.
        scratch_bytes: maximum global memory for temporary arrays of a pass. The default suffices
            for the adjoint of 131 samples of 2000 steps of 1024 neurons in single precision: about
            one sample per multiprocessor of a large GPU.
        scratch_share: share of the free memory for temporary arrays; the rest is for results.
        blocks: minimum number of blocks of a kernel over synapses, if there are enough samples.
    """

    threads: int = 1024
    shared_bytes: int = 48 << 10
    scratch_bytes: int = 2 << 30
    scratch_share: float = 0.5
    blocks: int = 4096

    def threads_for(self, size: int) -> int:
        """Number of threads in a block for `size` items: a whole number of warps."""
        return min(self.threads, WARP * blocks_of(max(size, 1), WARP))

    def portions(
        self, n_samples: int, bytes_per_sample: int, free_bytes: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """First and last sample (exclusive) of portions that fit the limit on scratch memory.

        A portion has at least one sample, even if a single sample does not fit.

        Args:
            n_samples: samples of the batch.
            bytes_per_sample: scratch memory of each sample.
            free_bytes: free memory of the GPU; None if unknown.
        """
        scratch = self.scratch_bytes
        if free_bytes is not None:
            scratch = min(scratch, int(self.scratch_share * free_bytes))
        size = max(1, scratch // max(1, bytes_per_sample))
        for first in range(0, n_samples, size):
            yield first, min(first + size, n_samples)

    def ring_lanes(self, arrival_span: int, itemsize: int) -> int:
        """Number of post-neurons that share a block of the kernel `afferent_drive`.

        Args:
            arrival_span: steps from a spike to its last arrival.
            itemsize: bytes of a float.

        Raises:
            UsageError: the ring buffer of a single neuron does not fit.
        """
        lanes = WARP
        while lanes * arrival_span * itemsize > self.shared_bytes:
            if lanes == 1:
                raise UsageError(
                    f"delays of {arrival_span - 1} steps are too long to train on a GPU",
                    code="delays-too-long-for-gpu",
                    why=f"delayed input needs {arrival_span * itemsize} bytes of shared memory "
                    f"per neuron, but only {self.shared_bytes} are available",
                    fix="train on the CPU, shorten the delays, or use a longer time step",
                )
            lanes //= 2
        return lanes

    def state_bytes(self, neurons: int, itemsize: int) -> int:
        """Shared memory of the kernels `run_lif` and `run_lif_adjoint`, in bytes.

        It contains two floats per neuron, then masks of spikes or partial sums of warps.

        Raises:
            UsageError: the neurons need more than a block may use.
        """
        words = words_of(neurons)
        mask_bytes = 4 * BUFFERS * (words + blocks_of(words, WORD))
        partial_sum_bytes = self.threads_for(neurons) // WARP * PITCH * itemsize
        need = 2 * neurons * itemsize + max(mask_bytes, partial_sum_bytes)
        if need > self.shared_bytes:
            raise UsageError(
                f"a population of {neurons} neurons is too large to train on a GPU",
                code="population-too-large-for-gpu",
                why=f"its state needs {need} bytes of shared memory, but only {self.shared_bytes} "
                "are available (mutually recurrent populations count as one)",
                fix="train on the CPU, or with smaller populations",
            )
        return need

    def window(self, n_steps: int, itemsize: int) -> int:
        """Number of steps of a trace that fit in shared memory beside one further step."""
        return max(1, min(n_steps, self.shared_bytes // itemsize - 1))

    def chunk_size(self, n_samples: int, blocks: int) -> int:
        """Number of samples that a kernel over synapses sums sequentially, 1 or more.

        Args:
            n_samples: samples of the batch.
            blocks: number of blocks per chunk.
        """
        chunks = max(1, min(n_samples, blocks_of(self.blocks, max(1, blocks))))
        return max(1, blocks_of(n_samples, chunks))


def words_of(neurons: int) -> int:
    """Number of words of a mask with one bit per neuron."""
    return blocks_of(neurons, WORD)

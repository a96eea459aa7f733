"""Export to FeNN: a folder that runs on PyFeNN without nmtool, in a simulator or on a board.

FeNN is a soft core with 32 vector lanes for FPGAs, by the authors of EventProp with delays. The
step of a neuron is code, compiled just in time; nmtool's exports have the step of the arithmetic
`fenn16`. PyFeNN, with its instruction-set simulator, has its own Python environment
(`nmtool_chips.fenn.environment`) and runs in a supervised process; nmtool never imports it.
The exported package allows for these properties of PyFeNN, known from its sources and experiments:

- **Rounding**: `I *= Beta` rounds down in every rounding mode; `I = Beta * I` follows the mode.
- **First row**: PyFeNN reads the row before the first step of recorded spikes, but never zeroes it.
- **Order**: sums of arriving weights saturate after each weight, so their order matters. PyFeNN
  runs the projections of a process group in an arbitrary order. The package fixes the order with
  several groups. In a projection, the core sends the highest spike of each word of 32 sources
  first, see `place_in_sum` in `nmtool.arithmetic`.
- **Latency**: over a delay d, an input spike of step t arrives at t + d, a neuron's spike at
  t + 1 + d. The package passes input one step later, which aligns both.
- **Packing**: a word of 16 bits has a synapse's weight (9 bits) above its delay, and a row of words
  is padded to a multiple of 32 neurons. PyFeNN's own check accepts weights up to 511, which wrap.
- **Memory**: recorded variables and spikes need one row more than there are steps. The slots of a
  ring buffer are a power of two. A program has at most 1,024 instructions. A recording that is too
  long for a core runs in parts, and the state is kept between the parts.
"""

"""brian2-loihi 0.5.2: a second reference simulator, written independently on Brian 2.

brian2-loihi has no file format. A supervised process in its own environment reads nmtool's integers
and builds the network from brian2-loihi's unmodified classes. Its sources show:

- **A step** runs the slots start (input spikes), synapses (arrivals: `I += w_act`), groups
  (decays), thresholds, resets, end. Therefore

      I ← I + a·64
      v ← v − sign(v)·⌈|v|·decay_v/4096⌉ + I,   I ← I − sign(I)·⌈|I|·decay_I/4096⌉
      spike iff v > vth·64, then v ← 0

  brian2-loihi's I after the arrivals is nmtool's u of that step. The decayed part is rounded away
  from zero, which is the same as truncating the rest towards zero, as nmtool does. The decay has
  no "+1": `decay_I` is nmtool's du + 1.
- **Latency**: a spike of step t over delay d arrives at step t + 1 + d, as the slot thresholds
  comes after the slot synapses. Input spikes come before both, and would arrive at t + d. They are
  therefore passed one step later, so that all spikes arrive as in nmtool.
- **Delays** are 0 … 62, with one delay per `LoihiSynapses`: a projection becomes one object per
  delay.
- **Weights** have exponents −8 … 7, 0 … 8 bits and three sign modes, the same ranges as in nmtool.
  All objects of a projection have the sign mode of the whole matrix. Weights are rounded towards
  zero (Lava: down), which makes no difference for weights of an `IntegerNetwork`.
  |w|·2^(6 + exponent) is clipped to 2^21 − 64, which no weight reaches.
- **Refractory periods** are at least 1. A period of 1 has no effect: a neuron can spike in every
  step.
- **State** is float64 and neither wraps nor saturates. It is exact up to 24 bits.
- **Thresholds** are at most 131071 (·64 = 8388544), slightly less than the limit of v, 2^23 − 1 =
  8388607. The v of non-spiking populations is therefore read before the comparison with the
  threshold. If v exceeds the threshold, the run is refused.
- **There is no bias.**
- **Monitors**: `LoihiStateMonitor` reads I in the slot synapses, after the arrivals, which have
  order −1 in this slot, and v at the end of the step. `LoihiSpikeMonitor.t` truncates t·1000, which
  gives one step too few for 4007, 4015, … 4095, 8001 and some later steps; nmtool rounds t·1000
  instead.

Networks that brian2-loihi cannot express are refused: biases before the run, an overflow of u or v
when it occurs.
"""

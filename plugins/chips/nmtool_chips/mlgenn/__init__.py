"""Import networks trained by mlGeNN: arrays from checkpoints, all other constants from options.

mlGeNN's conventions, and their conversion:

    spike iff V ≥ ϑ                    θ is the next smaller number: v > θ is equivalent
    V ← αV + (1−α)·κ·I with `scale_i`  weights are in the paper's units, like those of `Network`
    V ← αV + I without `scale_i`       weights are jumps of u; divided by `drive_scale`
    a spike reaches its target after   every hop takes one step, in addition to the delay
    one step, plus its delay
    delays are real numbers            rounded, halves away from zero, as in mlGeNN's training
    V ← 0 after a spike                the same; EventProp has no other reset
"""

from . import EventPropagationProcess, MemsetProcess, Variable


class Linear:
    def __init__(self, source_events, target_var, weight_dtype, *, num_delay_bits=0, name=""):
        self.weight = Variable((source_events.size, target_var.shape[-1]), weight_dtype, 1, name)
        self.process = EventPropagationProcess(
            source_events, self.weight, target_var, num_delay_bits
        )


class Memset:
    def __init__(self, target, name=""):
        self.process = MemsetProcess(target, name)

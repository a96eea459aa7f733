"""Data-parallel training with several processes, and the number of threads."""

"""The training engine for CPUs."""

"""Script that runs in the environment of brian2-loihi, in which nmtool is not installed."""

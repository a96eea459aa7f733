"""Runs in the environment of brian2-loihi, where there is no nmtool."""

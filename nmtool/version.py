"""The version of nmtool, also read by the build."""

__version__ = "0.2.0"

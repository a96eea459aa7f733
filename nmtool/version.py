"""The version of nmtool, read by the packaging too."""

__version__ = "0.1.0"

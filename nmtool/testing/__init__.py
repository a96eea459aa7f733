"""Checks for the tests of plug-ins: they hold plug-ins to the promises of nmtool's own code."""

from nmtool.testing.arithmetics import check_arithmetic, registered
from nmtool.testing.formats import Promise, check_format, format_promises

__all__ = ["Promise", "check_arithmetic", "check_format", "format_promises", "registered"]

"""Checks for the tests of plug-ins: they hold plug-ins to the promises of nmtool's own code."""

from nmtool.testing.arithmetics import check_arithmetic, registered

__all__ = ["check_arithmetic", "registered"]

"""Interpreter for NIR graphs, node by node."""

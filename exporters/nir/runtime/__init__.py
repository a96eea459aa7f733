"""NIR graphs interpreted, node by node."""

"""NIR graphs executed, node by node."""

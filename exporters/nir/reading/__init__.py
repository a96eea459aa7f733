"""NIR graphs of others as networks."""

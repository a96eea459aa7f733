"""Import NIR graphs from other tools as networks."""

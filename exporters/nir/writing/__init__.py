"""A network as a NIR graph."""

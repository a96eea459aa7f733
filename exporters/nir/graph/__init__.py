"""NIR graphs in plain data, the files they lie in, and their loops, delays and differences."""

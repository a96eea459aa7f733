"""NIR graphs as plain data: files, loops, windows, delays and differences."""

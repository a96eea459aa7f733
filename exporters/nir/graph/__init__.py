"""NIR graphs as plain data: files, loops, delays and differences."""

"""Installation on this computer: what is installed, what is missing, and how to get it."""

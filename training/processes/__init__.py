"""Several processes and threads that train together."""

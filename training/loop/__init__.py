"""The training loop: initial networks, updates, validation, checkpoints and run folders."""

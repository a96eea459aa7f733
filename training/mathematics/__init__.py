"""The mathematics: a readable reference of every step, and an oracle in continuous time."""

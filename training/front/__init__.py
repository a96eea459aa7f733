"""The torch interface: a network as a module, losses, and regularisers of activity."""

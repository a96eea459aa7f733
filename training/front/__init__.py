"""The torch front: a network as a module, its losses, and regularisers of its activity."""

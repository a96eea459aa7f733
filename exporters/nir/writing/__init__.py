"""Write a network as a NIR graph."""

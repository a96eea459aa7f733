"""Other trainers of the same network, a module for each; `engines.py` lists them."""

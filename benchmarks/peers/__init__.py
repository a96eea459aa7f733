"""Other trainers of the same network, one module each; `engines.py` lists them."""

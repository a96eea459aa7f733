"""Export to firmware: a folder of C, to be built for a microcontroller or for this computer.

The network's code equals that of the C file (`exporters/c/`), except that its state is a struct,
which every function gets as an argument (`state.py`). So several networks can share a firmware,
and a network can run several streams at once. `main.c` is the template of a `main` that reads
events and prints classes, without heap or floating point (`reader.py`). `makefile.py` has the
Makefile.
"""

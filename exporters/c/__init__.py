"""Export to C: one file of C99 that runs the network anywhere, bit for bit.

With a prefix for its names, the export also has a header file, so that a program can contain
several networks.

The file is written from templates, which are C: `head.c` (the comment at its head), `interface.h`,
`network.c` (the program) and `check.c` (known answers, and a `main` that checks them). `run.c` is
the driver with which nmtool runs and times it.

The file is both data and program. nmtool reads the network back as data. To run an export, nmtool
generates the C file of this network again, and compiles the generated text if the export is equal
to it. Any other export is refused: foreign code is never compiled.
"""

"""Export to Verilog: a vendor-independent FPGA core, with the network in its memories.

The core (`rtl/`) is handwritten and the same for every network; no logic is generated. nmtool reads
the network in a folder back as data. To run a folder, nmtool generates the files for this network
again, and simulates them in Verilator or Icarus if the folder has the same files. Other folders are
refused.

    layout.py       contents of the core's memories for a network, and findings on misfits
    folder.py       the files of an export
    words.py        from rasters to input words of the core, from output words to recordings
    simulators.py   Verilator and Icarus
"""

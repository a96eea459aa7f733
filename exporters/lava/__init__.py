"""Export to Lava 0.10.0: a folder that runs there without nmtool, bit for bit.

Lava has its own Python environment (`nmtool.exporters.lava.environment`) and runs in a supervised
process; nmtool never imports it.
"""

"""Source files that are copied unchanged into every export to Lava; nmtool never imports them.

They run in an environment that has Lava and numpy, but not nmtool.
"""

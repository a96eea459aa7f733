"""Code of every export to Lava, beside its numbers: copied as it is, never imported here.

These files run in an environment that has Lava and numpy, and without nmtool.
"""

"""JSON: a network with known answers, for porting it to another implementation.

The file contains only data, which people and programs in any language can read. nmtool runs it in
the reference simulator. docs/standard.md explains how to test another implementation with it.
"""

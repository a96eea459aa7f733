"""Export, convert and inspect networks in files of every format."""

"""Export to Verilog: a folder with a fixed core and the network as the contents of its memories."""

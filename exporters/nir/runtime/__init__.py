"""An interpreter for NIR graphs."""

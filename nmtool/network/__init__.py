"""Float and integer networks, their read-outs, and random initialisation."""

"""Float and integer networks, their readouts, and random initialisation."""

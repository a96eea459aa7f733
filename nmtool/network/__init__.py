"""Networks, float and integer, their read-outs, and what builds them; nothing above is imported."""

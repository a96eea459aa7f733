"""Networks in files of every format: written, converted and described."""

"""The training loop: what a run starts from, learns, judges and keeps."""

"""Training speed compared with other trainers: `python -m benchmarks`. README.md explains it."""

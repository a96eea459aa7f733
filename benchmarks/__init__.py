"""Training speed compared with other trainers: `python -m benchmarks`, see README.md."""

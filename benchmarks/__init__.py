"""Training speed beside other trainers: `python -m benchmarks`, see README.md."""

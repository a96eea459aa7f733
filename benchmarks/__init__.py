"""How fast training is beside other trainers: `python -m benchmarks`, see README.md."""

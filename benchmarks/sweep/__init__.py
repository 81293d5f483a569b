"""What a sweep costs, by picture, by worker and in memory; `python -m benchmarks.sweep`."""

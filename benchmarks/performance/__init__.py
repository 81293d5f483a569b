"""How fast the app is beside what one would write instead; `python -m benchmarks.performance`."""

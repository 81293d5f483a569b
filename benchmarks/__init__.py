"""Speed in ratios, side by side in one run: the machines are shared and noisy."""

"""Networks by library: a Checkpoint in, a Network out. Open `torchvision_families.py` first."""

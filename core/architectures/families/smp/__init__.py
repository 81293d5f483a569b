"""Networks of segmentation-models-pytorch. Open `smp_family.py` first."""

"""Networks of mmsegmentation: a backbone and a decode head. Open `mmseg_family.py` first."""

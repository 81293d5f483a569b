"""Deployed: the checkpoint that is open beside what was deployed of it. Open `comparing.py` first.

`comparing.py` runs the comparison in the background, `shown.py` draws it, `allowing.py` asks
whether ONNX graphs may be run here.
"""

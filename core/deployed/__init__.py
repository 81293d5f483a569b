"""Two programs that should be the same: a checkpoint and what was deployed of it.

One picture and two programs come in; out comes where they part: the first stage, the first layer,
and why. Open `compare.py` first. `programs.py` is what can be compared, `layers.py` and `align.py`
see inside, `feeds.py` and `answers.py` try what would make them agree, and `reasons.py` has one
small function a cause.
"""

"""How the input of the training was normalized, as far as checkpoint and picture tell it.

In: `Measurements` and the fixes so far. Out: `Recovered`: a convention, or "cannot tell", with its
ranking. Open `recover.py` first; `conventions.py` has the hypotheses, `naming.py` the cause that a
difference between now and then is.
"""

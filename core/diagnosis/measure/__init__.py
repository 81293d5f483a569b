"""What is measured on a case: nothing is judged here.

In: a `Case` and the door through which its network is run. Out: `Measurements`, whose answers are
computed when they are asked for, and never change. Open `measurements.py` first; `forwards.py` is
the door with its budget.
"""

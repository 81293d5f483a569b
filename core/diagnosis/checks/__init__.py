"""One small function for each cause that can be found: a `Check`.

In: `Measurements` of the case, and the `Progress` of the phases before. Out: findings. Open
`phases.py` first: it says in which order they are asked, and why.
"""

"""What many pictures prove: one picture is weak evidence, and sixteen are not.

In: a network, its checkpoint, settings, and pictures that are opened one after the other. Out: a
`SetDiagnosis`: the convention and its numbers, the channel order, what the masks of all pictures
have in common, as findings. Open `of_set.py` first.
"""

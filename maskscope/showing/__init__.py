"""The dashboard on a living model: a server beside the notebook, the model answers in it.

show.py (starts and ends all) -> answering.py (the notebook's end of the line)
                              -> core/architectures/families/living_model.py (the server's end)
"""

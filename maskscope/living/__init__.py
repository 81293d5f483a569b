"""A living model to a case of the diagnosis, and back to words and pictures in a notebook.

    model, picture -> Model (its shadow, its weights as a Checkpoint) -> Case -> Diagnosis -> Answer

Open `inspecting.py` first.
"""

"""What the user's own preprocessing does, measured: it is called, and never read or believed.

    function -> calls.py (how it is called, what it returns)
             -> affine.py (colors in, numbers out), geometry.py (from where each pixel comes)
             -> reading.py (as settings of the app) -> measured.py (rebuilt, and compared)

Open `measured.py` first.
"""

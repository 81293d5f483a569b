"""A fixed picture, looked at again and again while a model is trained.

watch.py (when, and what is said) -> look.py (what is seen once) -> page.py (all of it, as a page)
"""

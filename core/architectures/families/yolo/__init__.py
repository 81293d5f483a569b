"""Semantic networks of Ultralytics, rebuilt from what their files say."""

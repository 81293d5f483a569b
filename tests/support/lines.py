"""A page of alerts as the dashboard drew them, to see what a browser makes of their Markdown."""

import json
import os
from pathlib import Path

import streamlit as st

for kind, line in json.loads((Path(os.environ["MASKSCOPE_DATA"]) / "lines.json").read_text()):
    getattr(st, kind)(line)

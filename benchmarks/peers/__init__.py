"""What one would write instead, as well as one would: the five stages in Gradio and Plotly."""

from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / ".cache" / "peers"  # where requirements-bench.txt is

"""One ONNX graph in a limited process of its own, asked through a pipe. Open `process.py` first.

Numbers go in, outputs come out, and a sketch of every layer where it is asked for. `child.py` and
`tap.py` run in that process, which knows no torch.
"""

"""ONNX files: a graph that runs in a limited process. Open `onnx_program.py` first."""

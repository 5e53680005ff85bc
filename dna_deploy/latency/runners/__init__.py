"""Runtimes that can run an ONNX file, one file each. A runtime is imported only inside its own runner."""

"""Networks and layers as ONNX files and engines, checked against torch."""

"""Files of other programs: ONNX and GGUF."""

"""Fitted classifiers as ONNX graphs: the writer, our networks, and what scikit-learn builds around them."""

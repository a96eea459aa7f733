"""ONNX: a file of standard operators that runs in onnxruntime, bit for bit.

Writing needs the library onnx, running needs onnxruntime; reading back needs neither.
"""

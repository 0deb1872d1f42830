"""Training: from a face model and free portraits to the networks in weights/. Imports inference_core, never the reverse."""

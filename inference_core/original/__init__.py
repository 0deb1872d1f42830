"""What others have trained: L-PRNet's own checkpoint and PRNet's files, made into a weights folder for this program.

The only part of the core beside the engines that needs TensorFlow; loaded for `lprnet import-weights` alone.
"""

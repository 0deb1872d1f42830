"""Training steps without the graph that is built for them at first, which takes as long as a hundred small steps: for
what one or two steps show. That the same steps go through a graph as well is for other tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def eagerly() -> Iterator[None]:
    import tensorflow as tf
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)

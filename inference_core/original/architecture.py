"""The original L-PRNet, layer by layer as published (Chevi, "L-PRNet"): an encoder of depthwise separable blocks, a
decoder of transposed convolutions, no skips."""

from __future__ import annotations

LPRNET_SIZE = 128
BLOCKS = ((64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))       # width, stride
DECODER = (512, 256, 128, 64, 32)


def build_lprnet():
    """A keras.Model: crop (128, 128, 3) in [0, 1] -> (128, 128, 3) in [0, 1], a position map behind a sigmoid."""
    import keras
    from keras import layers

    image = keras.Input((LPRNET_SIZE, LPRNET_SIZE, 3), name="image")
    x = lprnet_features(image)
    for index, width in enumerate(DECODER):
        name = f"up{index + 1}"
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same", name=name)(x)
        x = _normalised(x, name, relu=index >= 2)
    x = layers.Conv2DTranspose(3, 3, padding="same", activation="sigmoid", name="position_map")(x)
    return keras.Model(image, x, name="lprnet")


def lprnet_features(image):
    """The encoder: a Keras tensor (128, 128, 3) -> (4, 4, 512)."""
    from keras import layers

    x = _normalised(layers.Conv2D(32, 3, strides=2, padding="same", name="stem")(image), "stem")
    for index, (width, stride) in enumerate(BLOCKS):
        name = f"block{index + 1}"
        x = _normalised(layers.DepthwiseConv2D(3, strides=stride, padding="same", name=f"{name}_depthwise")(x),
                        f"{name}_depthwise")
        x = _normalised(layers.Conv2D(width, 1, padding="same", name=f"{name}_pointwise")(x), f"{name}_pointwise")
    return x


def _normalised(x, name, relu=True):
    from keras import layers

    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x

"""Every error that a user can cause: one sentence that names the file and the cause and says what to do now."""


class LPRNetError(Exception):
    """Root of all errors raised on purpose."""


class InputError(LPRNetError):
    """What was given cannot be used: a picture, a box, an option."""


class ImageError(InputError):
    """A picture cannot be read."""


class VideoError(InputError):
    """A video cannot be read."""


class OutputError(LPRNetError):
    """A result cannot be written."""


class WeightsError(LPRNetError):
    """A network's files are missing, altered or of another format."""


class TopologyError(WeightsError):
    """The grid topology is missing, altered or inconsistent."""


class EngineError(LPRNetError):
    """An inference engine is not installed or fails."""


class TakeError(InputError):
    """A take cannot be read or continued."""

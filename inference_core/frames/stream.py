"""MJPEG over HTTP, as network cameras and telephones send it.

Nothing is asked but the address given: no proxy, no redirection is followed. Passwords in it are sent and never shown.
"""

from __future__ import annotations

import base64
import http.client
import socket
import string
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from urllib.parse import SplitResult, quote, unquote, urlsplit

import numpy as np

from inference_core.errors import ImageError, VideoError
from inference_core.frames.live import STALL_S, LiveFeed
from inference_core.frames.multipart import parts
from inference_core.frames.source import FrameOptions, FrameSource, SourceInfo, Stamp
from inference_core.images import decode_image

MAX_BAD = 50                    # damaged pictures in a row; a few are left out
SHOWN = 80                      # characters of what a server says
SENT_AS_IT_IS = "".join(sign for sign in string.printable if not sign.isspace())       # of a path and a query


def open_stream(address: str, options: FrameOptions) -> FrameSource:
    """The frames as they come. Raises VideoError where nobody answers, or with something else than MJPEG."""
    stream = _Stream(address)
    feed = LiveFeed(stream.name, stream.receive)

    def close() -> None:
        feed.close()
        stream.hang_up()

    try:
        stamps = _stamps(stream.name, feed)
        first = next(stamps, None)
        if first is None:
            raise VideoError(f"{stream.name}: the stream ends without a picture; check the camera")
        height, width = first.image().shape[:2]
    except BaseException:
        close()
        raise
    info = SourceInfo("stream", stream.name, (width, height), 0.0, None, None)
    return FrameSource(info, _with_first(first, stamps), options, close, feed.start_s)


def _stamps(name: str, feed: LiveFeed[bytes]) -> Iterator[Stamp]:
    bad = 0
    for taken in feed:
        try:
            image = decode_image(taken.picture, f"{name}, picture {taken.index}")
        except ImageError as error:
            bad += 1
            if bad == MAX_BAD:
                raise VideoError(f"{name}: {MAX_BAD} pictures in a row cannot be read; check the camera") from error
            continue
        bad = 0
        yield Stamp(taken.index, taken.time_s, partial(_itself, image))


def _itself(image: np.ndarray) -> np.ndarray:
    return image


def _with_first(first: Stamp, others: Iterator[Stamp]) -> Iterator[Stamp]:
    yield first
    yield from others


class _Stream:
    """One connection; `receive` runs in the thread of the feed."""

    def __init__(self, address: str) -> None:
        try:
            self._address: SplitResult = urlsplit(address)
            self._port = self._address.port
            host = self._address.hostname or ""
            host.encode("idna")
        except ValueError:
            host = ""
        if not host:
            raise VideoError(f"{address.partition('://')[0]}://...: not an address; give http://HOST:PORT/PATH")
        place = self._address.netloc.rpartition("@")[2] + self._address.path
        self.name = f"{self._address.scheme}://{place}"         # what follows a question mark may be a password as well
        self._socket: socket.socket | None = None

    def receive(self, feed: LiveFeed[bytes]) -> None:
        try:
            with closing(self._connection()) as connection:
                response = self._answer(connection)
                for part in parts(response, self._boundary(response)):
                    if part and not feed.put(part):
                        return
        except EOFError as error:
            raise VideoError(f"{self.name}: the stream broke off{feed.so_far()}; check the camera and its "
                             "connection") from error
        except TimeoutError as error:
            raise VideoError(f"{self.name}: no answer for {STALL_S:g} s{feed.so_far()}; check the address and the "
                             "connection") from error
        except OSError as error:
            cause = error.strerror or error
            raise VideoError(f"{self.name}: the connection failed{feed.so_far()} ({cause}); check the address and the "
                             "connection") from error
        except (http.client.HTTPException, ValueError) as error:
            raise VideoError(f"{self.name}: not an MJPEG stream{feed.so_far()} ({_shown(error)}); check the "
                             "address") from error

    def hang_up(self) -> None:
        """Ends a wait for the camera in the other thread."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._address.scheme.lower() == "https" else http.client.HTTPConnection
        # without a port the end of an IPv6 address would be taken for one
        port = kind.default_port if self._port is None else self._port
        return kind(self._address.hostname or "", port, timeout=STALL_S)

    def _answer(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        headers = {"User-Agent": "lprnet", "Accept": "multipart/x-mixed-replace"}
        if self._address.username is not None:
            pair = f"{unquote(self._address.username)}:{unquote(self._address.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        asked = (self._address.path or "/") + (f"?{self._address.query}" if self._address.query else "")
        connection.request("GET", quote(asked, safe=SENT_AS_IT_IS), headers=headers)
        self._socket = connection.sock
        response = connection.getresponse()
        if response.status == http.client.UNAUTHORIZED:
            raise VideoError(f"{self.name}: asks for another name and password; give http://NAME:PASSWORD@HOST/...")
        if 300 <= response.status < 400:
            place = _shown(response.headers.get("Location"))
            raise VideoError(f"{self.name}: sends to another address ({place}); give that one if you trust it")
        if response.status != http.client.OK:
            raise VideoError(f"{self.name}: answers {response.status} {_shown(response.reason)}; check the address")
        return response

    def _boundary(self, response: http.client.HTTPResponse) -> bytes:
        kind = response.headers.get_content_type()
        boundary = response.headers.get_boundary()
        if response.headers.get_content_maintype() != "multipart" or not boundary:
            what = "one picture" if kind.startswith("image/") else _shown(kind)
            raise VideoError(f"{self.name}: answers with {what}, not an MJPEG stream; give the address of the stream")
        return boundary.encode("latin-1", "replace")


def _shown(words: object) -> str:
    """What a server says, short and without signs that a terminal obeys."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(words)[:SHOWN])

"""HTTP's chunked coding, decoded from whatever a socket read returned: many chunks at once, or a part of one."""


class ChunkedBody:
    """Feed it what arrives; it answers the body's bytes. `ended` turns True with the last chunk and its trailers.

    https://www.rfc-editor.org/rfc/rfc9112#section-7.1
    """

    __slots__ = ("_between", "_missing", "_rest", "ended")

    def __init__(self) -> None:
        self._rest = b""  # an incomplete size line
        self._missing = 0  # bytes of the present chunk that have not arrived
        self._between = 0  # 2 once a chunk has passed: its line end comes before the next size
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """The body bytes in `data`. Raises ValueError when it is not chunked coding."""
        position = 0
        parts: list[bytes] = []
        if self._missing:
            parts.append(data[: self._missing])
            position = min(len(data), self._missing)
            self._missing -= position
            if self._missing:
                return parts[0]
        elif self._rest:
            data = self._rest + data
        self._rest = b""
        end = len(data)
        while True:
            line_end = data.find(b"\r\n", position + self._between)
            if line_end < 0:
                self._rest = data[position:]
                if len(self._rest) > 4096:
                    raise ValueError("a chunk's size line is too long")
                break
            size_line = data[position:line_end]
            if b";" in size_line:  # extensions, which nobody uses and everybody must ignore
                size_line = size_line.partition(b";")[0]
            size = int(size_line, 16)  # int() strips the line end of the chunk before
            if size == 0:
                self._end_at(data, position, line_end)
                break
            if size < 0:
                raise ValueError("a chunk's size is negative")
            self._between = 2
            start = line_end + 2
            position = start + size
            if position >= end:
                parts.append(data[start:])
                self._missing = position - end
                break
            parts.append(data[start:position])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _end_at(self, data: bytes, position: int, line_end: int) -> None:
        # Trailers, if any, then an empty line; without trailers the two line ends follow each other.
        if data.find(b"\r\n\r\n", line_end) >= 0:
            self.ended = True
        else:
            self._rest = data[position:]

"""A part of an export: cut into pieces, and counted on the way."""

import hashlib
from collections.abc import Generator

from pug.profiles.v1.data_export_pb2 import ExportPiece

JSON = "application/json"
NDJSON = "application/x-ndjson"
_LARGEST = 2**20


class Part:
    """What has been handed over of a part so far."""

    def __init__(self, name: str, content_type: str) -> None:
        self.name = name
        self.content_type = content_type
        self.bytes = 0
        self.lines = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of all its bytes, in hexadecimal digits."""
        return self._hash.hexdigest()

    def pieces(self, content: bytes) -> Generator[ExportPiece]:
        """Whole lines in pieces that any client takes."""
        start = 0
        while start < len(content):
            end = _end_of_piece(content, start)
            piece = content[start:end]
            self.bytes += len(piece)
            self.lines += piece.count(b"\n")
            self._hash.update(piece)
            yield ExportPiece(name=self.name, content_type=self.content_type, content=piece)
            start = end

    def empty(self) -> ExportPiece:
        """The piece by which whoever reads the parts knows of one in which there is nothing."""
        return ExportPiece(name=self.name, content_type=self.content_type)


def _end_of_piece(content: bytes, start: int) -> int:
    """Behind the last line that fits; behind the first where not even that one does."""
    if len(content) - start <= _LARGEST:
        return len(content)
    return (content.rfind(b"\n", start, start + _LARGEST) + 1) or (content.find(b"\n", start) + 1) or len(content)

"""An SMTP server that takes everything and counts: ``python -m unisono.bench.sink PORT``.

Asked with ``STAT`` (no SMTP word) it says how many e-mails it took, and how many different Message-IDs they had.
"""

from __future__ import annotations

import asyncio
import re
import sys

import uvloop

_ID = re.compile(rb"^message-id: *(\S+)", re.IGNORECASE | re.MULTILINE)


class Sink:
    """What it took."""

    def __init__(self) -> None:
        self.taken = 0
        self.ids: set[bytes] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            writer.write(b"220 sink ESMTP\r\n")
            while line := await reader.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    writer.write(b"354 go on\r\n")
                    self._take(await reader.readuntil(b"\r\n.\r\n"))
                    writer.write(b"250 taken\r\n")
                elif word == b"STAT":
                    writer.write(b"250 %d %d\r\n" % (self.taken, len(self.ids)))
                elif word == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250-sink\r\n250 8BITMIME\r\n" if word == b"EHLO" else b"250 ok\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _take(self, text: bytes) -> None:
        found = _ID.search(text)
        self.taken += 1
        self.ids.add(found.group(1) if found else b"")


async def main(port: int) -> None:
    """Take e-mails until ended."""
    server = await asyncio.start_server(Sink().serve, "127.0.0.1", port, limit=2**22)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

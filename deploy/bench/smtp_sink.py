"""A mail server that takes everything and keeps nothing, as fast as Python can: `python -m deploy.bench.smtp_sink`.

Prints its port. It looks only for the ends of lines and of messages, and answers all that has arrived in one write.
"""

from __future__ import annotations

import asyncio
from typing import cast

_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = b""
        self.in_message = False
        self.transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = []
        while True:
            end = self.buffer.find(_END if self.in_message else b"\r\n")
            if end < 0:
                break
            if self.in_message:
                self.buffer, self.in_message = self.buffer[end + 5 :], False
                answers.append(b"250 taken\r\n")
                continue
            verb, self.buffer = self.buffer[:4].upper(), self.buffer[end + 2 :]
            if verb == b"DATA":
                self.in_message = True
                answers.append(b"354 go ahead\r\n")
            elif verb == b"EHLO":
                answers.append(b"250-sink\r\n250 PIPELINING\r\n")
            else:
                answers.append(b"250 ok\r\n")
        if answers:
            self.transport.write(b"".join(answers))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())

"""An SMTP server for tests: writes what comes into the folder that is named, and puts the first message off."""

import asyncio
import pathlib
import sys

from aiosmtpd.smtp import SMTP

folder = pathlib.Path(sys.argv[1])


class Handler:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        Handler.count += 1
        if Handler.count == 1:
            return "451 try again"
        with open(folder / "messages", "ab") as out:
            out.write(envelope.content.replace(b"\r\n", b"\n") + b"\x1e\n")
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler()), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())

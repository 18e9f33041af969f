import logging

import trio

import ouc


async def handler(connection: ouc.Connection) -> None:
    async for piece in connection:
        print(f"{len(piece)} bytes from {connection.partner}", flush=True)
        await connection.send(b"thank you")


logging.basicConfig(level=logging.INFO)
files = {"ca": "ca.pem", "cert": "plc-1.p12", "password": "example"}
try:
    trio.run(lambda: ouc.serve(2000, handler, host="127.0.0.1", **files, at_once=10))
except* KeyboardInterrupt:
    print("the server is off")

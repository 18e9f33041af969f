import asyncio

from ouc import aio


async def main() -> None:
    files = {"ca": "ca.pem", "cert": "plc-2.p12", "password": "example"}
    async with aio.connect("127.0.0.1", 2000, **files, check_address=False) as connection:
        await connection.send(b"what is new?")
        print(await connection.receive(9))


asyncio.run(main())

import trio

import ouc


async def main() -> None:
    files = {"ca": "ca.pem", "cert": "plc-2.p12", "password": "example"}
    async with ouc.connect("127.0.0.1", 2000, **files, check_address=False) as connection:
        await connection.send(b"what is new?")
        print(await connection.receive(9))


trio.run(main)

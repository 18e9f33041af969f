import trio

import ouc


async def main() -> None:
    files = {"ca": "ca.pem", "cert": "plc-2.p12", "password": "example"}
    async with ouc.hold("127.0.0.1", 2000, **files, when_down="wait", check_address=False) as held:
        for number in range(3):
            await held.send(number.to_bytes(2))
        print(await held.receive(9))


trio.run(main)

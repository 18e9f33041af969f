import trio

import ouc


async def main() -> None:
    data = ouc.DataBlock.from_source("Send_Data.db")
    data["Var1"] = True
    data["Var2"] = "Hello World!"
    files = {"ca": "ca.pem", "cert": "plc-2.p12", "password": "example"}
    async with ouc.connect("127.0.0.1", 2000, **files, check_address=False) as connection:
        print(connection.tls)
        await connection.send(data)


trio.run(main)

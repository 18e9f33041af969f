"""PLC-1 of the published example on this computer, until Ctrl-C; writes ca.pem, two archives and Send_Data.db beside you."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import attrs
import trio

import ouc
from emulator.plc import PLC
from emulator.published import SERVER, Receiver, description, example_file, make_project, receive_area

project = make_project(datetime.now(UTC))
# The published description names PLC-2's address; here any address of this computer may connect.
server = description(example_file(SERVER))
server = attrs.evolve(server, ConnPara=attrs.evolve(server.ConnPara, RemoteAddress="0.0.0.0"))
received, program = receive_area(), Receiver(server)


def write_files() -> None:
    Path("ca.pem").write_bytes(project.export(3, "pem").data)
    for number, name in ((9, "plc-1.p12"), (11, "plc-2.p12")):
        Path(name).write_bytes(project.export(number, "p12", password="example").data)
    Path("Send_Data.db").write_bytes(example_file("Send_Data.db").read_bytes())


async def main() -> None:
    async with PLC("PLC-1", program, device=project.device("PLC-1"), data_blocks={"Received_Data": received}) as plc:
        plc.run()
        await plc.wait_listening()
        write_files()
        print("PLC-1 waits on 127.0.0.1:2000", flush=True)
        while True:
            seen = program.received
            await plc.wait_scan(lambda seen=seen: program.received > seen)
            print(f"Received_Data: Var1 = {received['Var1']}, Var2 = {received['Var2']!r}", flush=True)


try:
    trio.run(main)
except* KeyboardInterrupt:
    print("PLC-1 is off")
except* ouc.OUCError as group:
    sys.exit(str(group.exceptions[0]))

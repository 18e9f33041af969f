"""The client of the published example in Python: project, device, references, TIA Portal's own source."""

from datetime import UTC, datetime

import trio

import ouc
from emulator.plc import PLC
from emulator.published import CLIENT, Receiver, description, example_file, make_project, receive_area


async def main() -> None:
    project = make_project(datetime.now(UTC))
    connect = ouc.source.load(example_file(CLIENT))["Client IP_V4_Connection_SEC"]
    data = ouc.DataBlock.from_source(example_file("Send_Data.db"))
    data["Var1"] = True
    data["Var2"] = "Hello World!"

    # The partner, which in a plant is already there: an emulated PLC-1.
    received, program = receive_area(), Receiver(description(example_file("Server_Connection_Parameters.db")))
    plc_1 = PLC("PLC-1", program, device=project.device("PLC-1"), data_blocks={"Received_Data": received})
    async with plc_1:
        plc_1.run()
        await plc_1.wait_listening()

        async with ouc.Station(project.device("PLC-2"), addresses=ouc.loopback()) as station:
            async with station.connect(connect) as connection:
                await connection.send(data)
                await plc_1.wait_scan(lambda: program.received == 1)
    print(received["Var2"])


trio.run(main)

"""TSEND_C in a scan loop, as a PLC program calls it; the partner is an emulated PLC-1."""

from datetime import UTC, datetime

import trio

import ouc
from emulator.plc import PLC
from emulator.published import CLIENT, SERVER, Receiver, description, example_file, make_project, receive_area


async def main() -> None:
    project = make_project(datetime.now(UTC))
    received, program = receive_area(), Receiver(description(example_file(SERVER)))
    plc_1 = PLC("PLC-1", program, device=project.device("PLC-1"), data_blocks={"Received_Data": received})
    connect = description(example_file(CLIENT))
    data = ouc.DataBlock.from_source(example_file("Send_Data.db"))

    async with plc_1, ouc.Station(project.device("PLC-2"), addresses=ouc.loopback()) as station:
        plc_1.run()
        await plc_1.wait_listening()
        tsend_c = ouc.TSEND_C(station)
        sent = 0
        while sent < 3:
            data["Var2"] = f"message {sent + 1}"
            out = tsend_c(REQ=True, CONT=True, CONNECT=connect, DATA=data)
            while not (out.DONE or out.ERROR):
                await trio.sleep(0.010)
                out = tsend_c(REQ=True, CONT=True, CONNECT=connect, DATA=data)
            print(out.STATUS, "sent" if out.DONE else "failed")
            sent += out.DONE
            # The next job needs one call with REQ = 0.
            tsend_c(REQ=False, CONT=True, CONNECT=connect, DATA=data)
        await plc_1.wait_scan(lambda: program.received == 3)
    print(received["Var2"])


trio.run(main)

"""A wire that is reset in the middle of the work: PLC-2 sends through it, and both ends come back by themselves."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import attrs
import trio

import ouc
from emulator import faults
from emulator.plc import PLC
from emulator.published import CLIENT, SERVER, Receiver, description, example_file, make_project, receive_area

PROXY, PLC_1 = 2001, IPv4Address("127.0.0.1")


async def main() -> None:
    project = make_project(datetime.now(UTC))
    received, program = receive_area(), Receiver(description(example_file(SERVER)))
    plc_1 = PLC("PLC-1", program, device=project.device("PLC-1"), data_blocks={"Received_Data": received})

    # PLC-2 dials the proxy's port instead of PLC-1's; that is the only change.
    connect = description(example_file(CLIENT))
    connect = attrs.evolve(connect, ConnPara=attrs.evolve(connect.ConnPara, RemotePort=PROXY))
    data = ouc.DataBlock.from_source(example_file("Send_Data.db"))

    # Byte 5000 to 5999 of what PLC-2 sends is after the handshake: the first connection is reset there.
    plan = faults.wire.plan("reset", seed=1, direction=faults.wire.Direction.FORTH, span=range(5000, 6000))
    proxy = faults.Proxy(plan, (PLC_1, 2000), address=PLC_1, port=PROXY)

    async with plc_1, proxy, ouc.Station(project.device("PLC-2"), addresses=ouc.loopback()) as station:
        plc_1.run()
        await plc_1.wait_listening()
        tsend_c = ouc.TSEND_C(station)
        interruptions, sent, request = [], 0, True
        while not (interruptions and sent):
            out = tsend_c(REQ=request, CONT=True, CONNECT=connect, DATA=data)
            # The next job needs one call with REQ = 0.
            request = not (out.DONE or out.ERROR)
            if out.ERROR:
                interruptions.append(out.STATUS)
                sent = 0
            sent += out.DONE
            await trio.sleep(0.002)
    print("PLC-2 was told", *interruptions)
    print("PLC-1 was told", *(word for word in program.history if word == "16#80C5"))
    print("connections:", proxy.accepted)


trio.run(main)

"""`ouc receive`: one partner, message by message, and the next one after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.published import example_file
from ouc.errors import ConnectionLost, OUCError, ParameterError

from ..plant import PAYLOAD, free_port
from .wire import LONG, Files, Receiving, Sending, Serving, files, planned, run

LOCAL = "127.0.0.1:0"
LIMIT = ("--timeout", LONG)
PLAIN = ("--plain", *LIMIT)
LAYOUT = example_file("Received_Data.db")


@pytest.fixture
def held(tmp_path: Path) -> Files:
    return files(planned("none", "server"), tmp_path)


def test_messages_of_a_fixed_length_come_whole_however_they_arrive(held: Files, monkeypatch: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"before")
    options = (*held.mutual, "--require-client-certificate", "--size", 4, "--count", 3, "--hex", "--output", kept, *LIMIT)
    with Receiving(monkeypatch, LOCAL, *options) as receiver:
        assert run("send", receiver.where, *held.mutual, "--hex", "000102030405060708090a0b").exit_code == 0
    assert receiver.ran is not None
    assert receiver.ran.error is None
    assert [line.rpartition(": ")[2] for line in receiver.rest() if line.startswith("received")] == [
        "00 01 02 03", "04 05 06 07", "08 09 0a 0b",
    ]  # fmt: skip
    assert kept.read_bytes() == b"before" + bytes(range(12))


def test_the_next_partner_is_waited_for_when_one_leaves(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--size", 1, "--count", 2, "--json", *PLAIN) as receiver:
        for text in ("01", "02"):
            assert run("send", receiver.where, "--plain", "--hex", text).exit_code == 0
            receiver.until("closed")
    events = [line for line in receiver.seen if "received" in line and '"hex"' in line]
    assert ['"hex": "01"' in events[0], '"hex": "02"' in events[1]] == [True, True]


def test_once_ends_with_its_partner(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--once", "--json", *PLAIN) as receiver:
        assert run("send", receiver.where, "--plain", "--hex", "0102").exit_code == 0
    assert receiver.ran is not None
    assert receiver.ran.error is None
    events = receiver.events()
    assert [one["event"] for one in events] == ["connected", "received", "closed"]
    assert events[1]["hex"] == "0102"
    assert events[2]["bytes"] == 2


def test_a_partner_that_leaves_too_early_is_a_failure_under_once(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--once", "--count", 2, "--size", 2, *PLAIN) as receiver:
        run("send", receiver.where, "--plain", "--hex", "0102")
    assert receiver.ran is not None
    assert isinstance(receiver.ran.error, ConnectionLost)
    assert "only 1 of 2 messages came before the partner left" in str(receiver.ran.error)


def test_half_a_message_is_told_with_its_length(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--once", "--size", 4, *PLAIN) as receiver:
        run("send", receiver.where, "--plain", "--hex", "010203")
    assert receiver.ran is not None
    assert isinstance(receiver.ran.error, ConnectionLost)
    assert "3 of 4 bytes had come" in str(receiver.ran.error)


def test_half_a_message_is_a_loss_while_the_next_partner_is_waited_for(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--size", 4, "--count", 1, *PLAIN) as receiver:
        run("send", receiver.where, "--plain", "--hex", "010203")
        assert "3 of 4 bytes had come" in receiver.until("lost")
        run("send", receiver.where, "--plain", "--hex", "01020304")
    assert receiver.ran is not None
    assert receiver.ran.error is None


def test_too_few_messages_in_time_is_a_failure(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--plain", "--count", 1, "--timeout", 0.05) as receiver:
        pass
    assert receiver.ran is not None
    assert isinstance(receiver.ran.error, ConnectionLost)
    assert receiver.ran.error.status == 0x80C7


def test_received_bytes_are_shown_as_members_of_a_data_block(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--data", LAYOUT, "--count", 1, *PLAIN) as receiver:
        run("send", receiver.where, "--plain", "--hex", PAYLOAD.hex())
    lines = receiver.rest()
    assert "  Var1 = TRUE" in lines
    assert "  Var2 = 'Hello World!'" in lines


def test_members_come_as_JSON_too(monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, "--data", LAYOUT, "--count", 1, "--json", *PLAIN) as server:
        run("send", server.where, "--plain", "--hex", PAYLOAD.hex())
    (told,) = [one for one in server.events() if one["event"] == "received"]
    assert told["data"] == {"Var1": True, "Var2": "Hello World!"}
    assert bytes.fromhex(told["hex"]) == PAYLOAD


def test_bytes_that_are_no_value_of_their_member_do_not_end_the_command(monkeypatch: Any) -> None:
    # A String whose maximum length is 254 and whose length is 255.
    broken = bytes.fromhex("0100feff").ljust(258, b"\0")
    with Receiving(monkeypatch, LOCAL, "--data", LAYOUT, "--count", 2, "--json", *PLAIN) as receiver:
        run("send", receiver.where, "--plain", "--hex", (broken + PAYLOAD).hex())
    first, second = [one for one in receiver.events() if one["event"] == "received"]
    assert "do not fit" in first["detail"]
    assert first["data"] is None
    assert second["data"]["Var2"] == "Hello World!"


def test_an_active_end_comes_back_to_a_partner_that_leaves(monkeypatch: Any, tmp_path: Path) -> None:
    greeting = tmp_path / "greeting"
    greeting.write_bytes(b"hello")
    port = free_port()
    source = tmp_path / "active.toml"
    source.write_text(
        f'[up]\nstructure = "TCON_IP_v4"\nRemoteAddress = "127.0.0.1"\nRemotePort = {port}\nLocalPort = 0\n', "utf-8"
    )
    options = ("--file", greeting, "--plain", "--count", 1, *LIMIT)
    # The second server is there before the partner of the first one tries again, a second after it has lost it.
    receiver = Receiving(monkeypatch, "--connect", source, "--size", 5, "--count", 1, *LIMIT)
    with Serving(monkeypatch, f"127.0.0.1:{port}", *options) as server:
        receiver.begin()
        receiver.until("received")
        receiver.__exit__()
    assert any(line.startswith("connected") for line in server.rest())


def test_ISO_messages_keep_their_boundaries(monkeypatch: Any) -> None:
    selectors = ("--local-tsap", "server", "--remote-tsap", "'client'")
    options = ("--iso", "--partner", "127.0.0.1", *selectors, "--count", 2, "--hex", *LIMIT)
    with Receiving(monkeypatch, LOCAL, *options) as receiver:
        ran = run(
            "send", receiver.where, "--iso", "--local-tsap", "client", "--remote-tsap", "server", "--hex", "010203",
            "--count", 2,
        )  # fmt: skip
    assert (ran.exit_code, ran.error) == (0, None)
    assert "nothing is encrypted" in ran.stderr
    assert [line.rpartition(": ")[2] for line in receiver.rest() if line.startswith("received")] == 2 * ["01 02 03"]


def test_selectors_in_hex_are_what_STEP_7_writes(monkeypatch: Any) -> None:
    with Serving(
        monkeypatch, LOCAL, "--iso", "--partner", "127.0.0.1", "--local-tsap", "E0.02", "--remote-tsap", "E0 01", "--echo",
        "--count", 1, *LIMIT,
    ) as server:  # fmt: skip
        ran = run(
            "send", server.where, "--iso", "--local-tsap", "16#E001", "--remote-tsap", "e002", "--hex", "0102", "--echo"
        )
    assert (ran.exit_code, ran.error) == (0, None)
    assert "2 received" in ran.stdout


def test_datagrams_are_messages_with_a_sender(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--udp", "--count", 2, "--json", *LIMIT) as receiver:
        ran = run("send", receiver.where, "--udp", "--hex", "0102", "--count", 2, "--json")
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.json["sent"] == 4
    events = receiver.events()
    assert [one["hex"] for one in events] == ["0102", "0102"]
    assert {one["partner"].partition(":")[0] for one in events} == {"127.0.0.1"}


def test_a_datagram_comes_back_from_a_server_that_echoes(monkeypatch: Any) -> None:
    port = free_port()
    with Serving(monkeypatch, LOCAL, "--udp", "--echo", "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, "--udp", "--local-port", port, "--hex", "0102", "--echo")
    assert (ran.exit_code, ran.error) == (0, None)
    assert "2 received" in ran.stdout
    assert any(f"127.0.0.1:{port}" in line for line in server.rest())


def test_only_the_named_partner_may_connect(monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, "--partner", "127.0.0.9", *PLAIN, ends_at="refused") as server:
        run("send", server.where, "--plain", "--hex", "01")
        assert "16#80C9" in server.until("refused")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "no own port"),
        ((LOCAL,), "no certificates"),
        ((LOCAL, "--plain", "--size", 3, "--data", LAYOUT), "--size and --data exclude each other"),
        ((LOCAL, "--iso", "--udp"), "--iso and --udp exclude each other"),
        ((LOCAL, "--iso", "--plain"), "--iso and --plain exclude each other"),
        ((LOCAL, "--iso"), "knows its partner by an IPv4 address"),
        ((LOCAL, "--iso", "--partner", "127.0.0.1"), "local selector"),
        ((LOCAL, "--iso", "--partner", "127.0.0.1", "--local-tsap", "x" * 33), "33 bytes"),
        ((LOCAL, "--udp", "--ca", "ca.pem"), "--udp and --ca exclude each other"),
        ((LOCAL, "--plain", "--local-tsap", "E0.01"), "belongs to ISO-on-TCP"),
        ((LOCAL, "--plain", "--partner", "plc"), "no IPv4 address"),
        ((LOCAL, "--plain", "--no-check-address"), "only an active end"),
        ((LOCAL, "--plain", "--data", "nowhere.db"), "nowhere.db"),
        ((LOCAL, "--plain", "--data", f"{LAYOUT}#Else"), "no block 'Else'"),
    ],
)
def test_options_that_cannot_be_meant_end_in_one_clear_error(arguments: Any, what: str) -> None:
    ran = run("receive", *arguments)
    assert isinstance(ran.error, ParameterError), ran
    assert what in str(ran.error)
    assert ran.exit_code == 1


def test_a_port_that_is_taken_is_told_with_its_status(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--plain", "--count", 1, *LIMIT) as receiver:
        ran = run("receive", receiver.where, "--plain")
        assert run("send", receiver.where, "--plain", "--hex", "01").exit_code == 0
    assert isinstance(ran.error, OUCError)
    assert ran.error.status == 0x80A1


# -- what `ouc send` keeps up --------------------------------------------------------------------------------------------


def test_a_message_is_sent_again_and_again_over_one_connection(held: Files, monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, *held.showing, "--size", 2, "--count", 3, *LIMIT) as receiver:
        ran = run("send", receiver.where, *held.trusting, "--hex", "0102", "--repeat", 0.001, "--count", 3)
    assert (ran.exit_code, ran.error) == (0, None)
    first, *_, last = ran.stdout.splitlines()
    assert first.startswith(f"connected {receiver.where}: TLS")
    assert last.startswith(f"6 bytes sent to {receiver.where} (TLS")
    assert sum(line.startswith("connected") for line in receiver.rest()) == 1


def test_a_partner_that_answers_does_not_stop_a_repeated_message(monkeypatch: Any, tmp_path: Path) -> None:
    back = tmp_path / "back"
    with Serving(monkeypatch, LOCAL, "--plain", "--echo", "--count", 1, *LIMIT) as server:
        # More than an inbox and both socket buffers would hold if nobody took the answers.
        sender = Sending(
            monkeypatch, server.where, "--plain", "--hex", "ab" * 65_536, "--repeat", 0, "--count", 100, "--output", back
        )
        sender.begin()
        assert "6553600 bytes sent" in sender.until("bytes sent")
        sender.__exit__()
    assert back.stat().st_size > 0


@pytest.mark.parametrize("when_down", ["wait", "latest"])
def test_a_message_waits_for_a_partner_that_comes_later(when_down: str, monkeypatch: Any) -> None:
    port = free_port()
    sender = Sending(
        monkeypatch, f"127.0.0.1:{port}", "--plain", "--hex", "0102", "--repeat", 1, "--count", 1, "--when-down", when_down,
        *LIMIT,
    )  # fmt: skip
    sender.begin()
    sender.until("refused")
    with Receiving(monkeypatch, f"127.0.0.1:{port}", "--size", 2, "--count", 1, *PLAIN) as receiver:
        sender.until("2 bytes sent")
    sender.__exit__()
    assert receiver.ran is not None
    assert receiver.ran.error is None
    assert sender.ran is not None
    assert sender.ran.error is None


def test_raise_gives_up_at_the_first_refusal() -> None:
    ran = run(
        "send", f"127.0.0.1:{free_port()}", "--plain", "--hex", "01", "--repeat", 1, "--when-down", "raise", *LIMIT
    )
    assert isinstance(ran.error, OUCError)
    assert ran.error.status == 0x80C5


def test_hold_keeps_the_connection_until_its_time_is_over(monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, "--plain", "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, "--plain", "--hex", "01", "--hold", "--timeout", 1)
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.stdout.endswith("1 bytes sent to " + server.where + " (plain TCP)\n")
    assert any(line.startswith("closed") for line in server.rest())


def test_too_few_messages_in_time_is_a_failure_of_the_sender_too() -> None:
    ran = run("send", f"127.0.0.1:{free_port()}", "--plain", "--hex", "01", "--repeat", 1, "--count", 2, "--timeout", 0.05)
    assert isinstance(ran.error, ConnectionLost)
    assert "only 0 of 2 messages" in str(ran.error)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--hold", "--echo"), "exclude each other"),
        (("--when-down", "wait"), "kept up"),
        (("--set", "Var1=TRUE"), "--set changes members"),
        (("--data", LAYOUT, "--file", LAYOUT), "--data excludes"),
    ],
)
def test_options_of_send_that_cannot_be_meant_end_in_one_clear_error(arguments: Any, what: str) -> None:
    text = () if "--data" in arguments else ("--hex", "01")
    ran = run("send", "127.0.0.1:1", "--plain", *text, *arguments)
    assert isinstance(ran.error, ParameterError)
    assert what in str(ran.error)
    assert ran.error.failure.remedy


@pytest.mark.parametrize("option", [("--hold",), ("--repeat", 1, "--when-down", "wait")])
def test_UDP_is_no_connection_to_keep_up(option: Any) -> None:
    ran = run("send", "127.0.0.1:2000", "--udp", "--hex", "01", *option)
    assert isinstance(ran.error, ParameterError)
    assert "UDP" in str(ran.error)


def test_a_datagram_may_be_repeated(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, LOCAL, "--udp", "--count", 3, *LIMIT) as receiver:
        ran = run("send", receiver.where, "--udp", "--hex", "0102", "--repeat", 0.001, "--count", 3)
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.stdout.startswith("6 bytes sent to")


@pytest.mark.parametrize("command", ["receive", "serve"])
@pytest.mark.parametrize("words", [("--plain",), ("--udp",)])
def test_a_wait_that_ended_with_nobody_there_says_so(command: str, words: tuple[str, ...]) -> None:
    ran = run(command, LOCAL, *words, "--timeout", 0.01)
    assert (ran.exit_code, ran.error) == (0, None)
    assert "came within 0.01 s" in ran.stderr

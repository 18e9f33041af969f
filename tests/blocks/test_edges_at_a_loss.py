"""An edge at REQ in the very call that shows the end of a connection: it is answered there, and never sent by surprise."""

from __future__ import annotations

from typing import Any

import pytest

from ouc.blocks.compact import State
from ouc.connection import LinkEvent

from .test_compact import Sender

_BOTH = pytest.mark.parametrize("remember", [True, False], ids=["remembers", "forgets"])
_VERSIONS = pytest.mark.parametrize("version", ["3.0", "2.1"])


def come_back(sender: Sender) -> list[str]:
    sender.bench.port.report(sender.bench.link, LinkEvent.RETRY_DUE)
    sender.bench.up()
    return [sender.call() for _ in range(4)]


@_BOTH
@_VERSIONS
def test_the_call_that_shows_the_loss_answers_the_edge_and_nothing_is_sent_later(remember: bool, version: Any) -> None:
    sender = Sender(remember_request=remember, version=version).connected()
    sender.bench.lose()
    assert sender.call(REQ=True) == "80C5 ERROR"
    shown = come_back(sender)
    assert sender.bench.jobs == []
    assert "7005 BUSY" not in shown
    # A new edge is a new job.
    sender.call(REQ=False)
    sender.call(REQ=True)
    assert len(sender.bench.jobs) == 1


@_BOTH
def test_an_edge_before_the_loss_is_seen_is_a_job_that_fails_and_is_not_sent_again(remember: bool) -> None:
    sender = Sender(remember_request=remember).connected()
    sender.call(REQ=True)
    assert len(sender.bench.jobs) == 1
    sender.bench.break_off()
    sender.bench.lose()
    assert sender.call().endswith("ERROR")
    come_back(sender)
    assert len(sender.bench.jobs) == 1


@_BOTH
def test_an_edge_while_the_connection_comes_back_is_kept_only_if_the_block_remembers(remember: bool) -> None:
    sender = Sender(remember_request=remember).connected()
    sender.bench.lose()
    assert sender.call() == "80C5 ERROR"
    sender.call(REQ=True)
    come_back(sender)
    assert len(sender.bench.jobs) == int(remember)


@_BOTH
def test_an_edge_together_with_COM_RST_is_kept_only_if_the_block_remembers(remember: bool) -> None:
    sender = Sender(remember_request=remember).connected()
    sender.call(REQ=True, COM_RST=True)
    assert sender.block.state is State.RECONNECTING
    sender.inputs["COM_RST"] = False
    come_back(sender)
    assert len(sender.bench.jobs) == int(remember)


@_BOTH
def test_a_connection_that_was_replaced_between_two_calls_answers_the_edge_too(remember: bool) -> None:
    sender = Sender(remember_request=remember).connected()
    sender.bench.lose()
    sender.bench.port.report(sender.bench.link, LinkEvent.RETRY_DUE)
    sender.bench.up()
    assert sender.call(REQ=True) == "80C5 ERROR"
    for _ in range(4):
        sender.call()
    assert sender.bench.jobs == []

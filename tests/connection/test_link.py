"""The link tables, walked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.connection.link import ACTIVE, PASSIVE, Effect, LinkEvent, LinkState, step

EVENTS = st.lists(st.sampled_from(LinkEvent))


@pytest.mark.parametrize("table", [ACTIVE, PASSIVE], ids=["active", "passive"])
def test_every_state_that_a_row_leads_to_has_rows_of_its_own(
    table: dict[LinkState, dict[LinkEvent, tuple[LinkState, Effect]]],
) -> None:
    reached = {after for row in table.values() for after, _ in row.values()}
    assert reached <= set(table)


@pytest.mark.parametrize("table", [ACTIVE, PASSIVE], ids=["active", "passive"])
def test_every_state_but_absent_can_be_left_for_good(
    table: dict[LinkState, dict[LinkEvent, tuple[LinkState, Effect]]],
) -> None:
    for state, row in table.items():
        if state not in (LinkState.ABSENT, LinkState.CLOSING):
            assert row[LinkEvent.TERMINATE] == (LinkState.CLOSING, Effect.CLOSE)


@given(EVENTS, st.booleans())
def test_only_UP_ever_establishes(events: list[LinkEvent], active: bool) -> None:
    state = LinkState.ABSENT
    for event in events:
        before, (state, _) = state, step(state, event, active=active)
        if state is LinkState.ESTABLISHED and before is not state:
            assert event is LinkEvent.UP


@given(EVENTS)
def test_a_passive_end_never_dials_and_an_active_end_never_listens(events: list[LinkEvent]) -> None:
    for active, forbidden in ((False, Effect.DIAL), (True, Effect.LISTEN)):
        state = LinkState.ABSENT
        for event in events:
            state, effect = step(state, event, active=active)
            assert effect is not forbidden


@given(EVENTS, st.booleans())
def test_after_TERMINATE_nothing_is_opened_until_GONE(events: list[LinkEvent], active: bool) -> None:
    state = LinkState.CLOSING
    for event in events:
        state, effect = step(state, event, active=active)
        if event is LinkEvent.GONE:
            return
        assert state is LinkState.CLOSING
        assert effect is Effect.NOTHING


def test_T_DIAG_numbers_of_the_states_are_the_published_ones() -> None:
    assert [int(state) for state in (LinkState.DISCONNECTED, LinkState.CONNECTING, LinkState.LISTENING,
                                     LinkState.ESTABLISHED, LinkState.CLOSING)] == [1, 2, 3, 4, 5]  # fmt: skip

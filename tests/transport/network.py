"""A cable between two computers that can be pulled, in one direction or both, made of the system's own network namespaces.

Needs Linux, root and the command `ip`; whoever lacks them skips. Each end is a thread in a namespace of its own with a trio
run of its own. A direction is cut by sending its packets to a hardware address that nobody has: no program is told, exactly
as with a cable.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import IPv4Address
from itertools import count
from types import TracebackType
from typing import Any, Final

import pytest
import trio

__all__ = ["WHY", "Cable", "needs_a_network"]

_CLONE_NEWNET: Final = 0x4000_0000
_NOBODY: Final = "02:00:00:00:00:99"
_NUMBERS = count()


def _missing() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root: run the tests as root"
    if shutil.which("ip") is None:
        return "network namespaces need the command ip: apt-get install iproute2"
    name = f"ouc-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "this system allows no network namespaces (a container without CAP_SYS_ADMIN)"
    subprocess.run(["ip", "netns", "delete", name], check=False)
    return ""


#: Why there is no network of one's own here, empty if there is.
WHY: Final = _missing()
needs_a_network = pytest.mark.skipif(bool(WHY), reason=WHY)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Cable:
    """Two namespaces, A and B, with a cable in between; `pull` and `plug` work at any time and from any thread."""

    ADDRESSES: Final = {"a": IPv4Address("10.99.0.1"), "b": IPv4Address("10.99.0.2")}

    def __init__(self) -> None:
        tag = f"{os.getpid()}-{next(_NUMBERS)}"
        self._spaces = {end: f"ouc-{tag}-{end}" for end in "ab"}

    def __enter__(self) -> Cable:
        try:
            for space in self._spaces.values():
                _ip("netns", "add", space)
            a, b = self._spaces.values()
            _ip("link", "add", "wire", "netns", a, "type", "veth", "peer", "name", "wire", "netns", b)
            for end, space in self._spaces.items():
                _ip("-n", space, "address", "add", f"{self.ADDRESSES[end]}/24", "dev", "wire")
                _ip("-n", space, "link", "set", "lo", "up")
                _ip("-n", space, "link", "set", "wire", "up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        for space in self._spaces.values():
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)

    def pull(self, sides: str = "ab") -> None:
        """From now on nothing arrives of what these ends send: `a`, `b` or both."""
        for end in sides:
            other = self.ADDRESSES["b" if end == "a" else "a"]
            _ip(
                "-n", self._spaces[end], "neighbour", "replace", str(other), "dev", "wire",
                "lladdr", _NOBODY, "nud", "permanent",
            )  # fmt: skip

    def plug(self) -> None:
        """Everything arrives again."""
        for end in "ab":
            other = self.ADDRESSES["b" if end == "a" else "a"]
            subprocess.run(
                ["ip", "-n", self._spaces[end], "neighbour", "delete", str(other), "dev", "wire"],
                capture_output=True,
                check=False,
            )

    def run(self, **ends: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        """Run one program per end (`a=`, `b=`), each under trio in its own namespace; gives what they returned.

        The first one to fail fails the test, and ends the other.
        """
        found: dict[str, Any] = {}
        failed: list[BaseException] = []
        tokens: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []
        guard = threading.Lock()

        async def main(name: str, program: Callable[[], Awaitable[Any]]) -> None:
            with trio.CancelScope() as scope:
                with guard:
                    tokens.append((trio.lowlevel.current_trio_token(), scope))
                    if failed:
                        scope.cancel()
                found[name] = await program()

        def thread(name: str, program: Callable[[], Awaitable[Any]]) -> None:
            try:
                _enter(self._spaces[name])
                trio.run(main, name, program)
            except BaseException as error:
                with guard:
                    failed.append(error)
                    for token, scope in tokens:
                        try:
                            token.run_sync_soon(scope.cancel)
                        except trio.RunFinishedError:
                            continue

        threads = [threading.Thread(target=partial(thread, *one)) for one in ends.items()]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        if failed:
            raise failed[0]
        return found


def _enter(space: str) -> None:
    """Move the calling thread, and no other, into a namespace."""
    descriptor = os.open(f"/run/netns/{space}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)

"""Short ways to a source that holds what a test is about."""

from __future__ import annotations

from typing import Any

from ouc.source import SourceFile, loads

HEAD = "DATA_BLOCK \"X\"\n{ S7_Optimized_Access := 'FALSE' }\nVERSION : 0.1\n"


def db(members: str, begin: str = "", head: str = HEAD, **options: Any) -> SourceFile:
    return loads(f"{head}STRUCT\n{members}\nEND_STRUCT;\nBEGIN\n{begin}\nEND_DATA_BLOCK\n", **options)


def start(members: str, begin: str = "", **options: Any) -> dict[str, Any]:
    return db(members, begin, **options).block("X").to_dict()

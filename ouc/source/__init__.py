"""Text sources of TIA Portal (`.db`, `.udt`, `.scl`) to declarations with start values, and back."""

from __future__ import annotations

from .block import Block, DataBlock, block_of
from .emit import emit, save
from .file import SourceFile, Variable, load, load_block, loads
from .text import MAX_SOURCE

__all__ = [
    "MAX_SOURCE",
    "Block",
    "DataBlock",
    "SourceFile",
    "Variable",
    "block_of",
    "emit",
    "load",
    "load_block",
    "loads",
    "save",
]

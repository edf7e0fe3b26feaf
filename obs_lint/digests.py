"""BLAKE2b without hashlib, whose import loads OpenSSL (2 ms at every start)."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

__all__ = ["blake2b"]

"""Error capture for Django sites: every final 4xx and 5xx, kept on disk before its response leaves.

Names are handed out lazily, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capture.byhand import capture_exception, capture_message, context, tag

__all__ = ["capture_exception", "capture_message", "context", "tag"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from capture import byhand

        return getattr(byhand, name)
    raise AttributeError(f"module 'capture' has no attribute {name!r}")

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packages.observability import _envelope

import typing

if typing.TYPE_CHECKING:
    from opentelemetry.trace import Span


def name(span: "Span") -> str:
    return span.name

"""Structlog-like loggers: what is one, which messages are events, and which fields they carry.

The cases are written as in test_emissions; prose is what is logged without being an event.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from obs_lint.config.model import Config, LoggerConfig
from obs_lint.events.emissions import emissions
from obs_lint.events.loggers import log_anchors
from obs_lint.events.model import Emission
from obs_lint.events.registries import Registries
from obs_lint.project import Project
from obs_lint.registry.model import Event, Naming, Place, Registry
from tests.support import files_of, project_of
from tests.test_emissions import expected_in, found_in

STRUCTLOG = LoggerConfig(("structlog.get_logger",))
FACADE = LoggerConfig(("structlog.get_logger", "shop.obs.get_logger"))

OBS = """
import structlog


def get_logger(name=None):
    return structlog.get_logger(name)
"""


def registry(*names: str, naming: str | None = None) -> Registry:
    """A source that declares these events."""
    fits = Naming(naming, re.compile(naming)) if naming else None
    place = Place("registry.yaml")
    return Registry("test", place, tuple(Event(name, place) for name in names), naming=fits)


SHOP = registry("shop.order.placed", "shop.order.failed")


def made(
    text: str, declared: Registry = SHOP, loggers: tuple[LoggerConfig, ...] = (STRUCTLOG,)
) -> tuple[Any, Project, Config]:
    files = files_of(text) if text.lstrip().startswith("--- ") else {"shop/orders.py": text}
    files = {"shop/__init__.py": "", "shop/obs.py": OBS} | files
    project = project_of(files)
    config = Config(root=Path("nowhere"), surface=("shop.obs",), loggers=loggers)
    project.once(("registries", config.registry, config.environment), lambda: Registries([declared]))
    return files, project, config


CASES: dict[str, tuple[Any, ...]] = {
    "module's logger": (
        """
import structlog

log = structlog.get_logger()
logger = structlog.stdlib.get_logger(__name__)


def run(level, name):
    log.info("shop.order.placed")  # emits: shop.order.placed
    log.warning("shop.order.failed", n=1)  # emits: shop.order.failed
    logger.error("something went wrong")  # prose: something went wrong
    log.info("nothing.to.do")  # prose: nothing.to.do
    log.info("shop.unknown")  # emits: shop.unknown
    log.log("info", "shop.order.placed")  # emits: shop.order.placed
    log.info(event="shop.order.placed")  # emits: shop.order.placed
    log.info(name)  # prose: ?
    log.info(f"shop.{name}")  # prose: ?
    log.flush("shop.order.placed")
"""
    ),
    "awaited": (
        """
import structlog

log = structlog.get_logger()


async def run():
    await log.ainfo("shop.order.placed")  # emits: shop.order.placed
    await log.aexception("shop.order.failed")  # emits: shop.order.failed
"""
    ),
    "bound, kept, handed on": (
        """
import structlog

log = structlog.get_logger()


class Orders:
    logger = structlog.get_logger().bind(area="orders")

    def __init__(self):
        self.log = log.bind(order=1)

    def run(self):
        self.log.info("shop.order.placed")  # emits: shop.order.placed
        self.logger.info("shop.order.placed")  # emits: shop.order.placed
        inner = self.log.bind(step=2).unbind("order")
        inner.info("shop.order.placed")  # emits: shop.order.placed
        log.new(job=1).info("shop.order.placed")  # emits: shop.order.placed
        structlog.get_logger().info("shop.order.placed")  # emits: shop.order.placed


def tell(log: structlog.stdlib.BoundLogger, other, named: "structlog.BoundLogger"):
    log.info("shop.order.placed")  # emits: shop.order.placed
    named.bind(x=1).info("shop.order.placed")  # emits: shop.order.placed
    other.info("shop.order.placed")
"""
    ),
    "over files": (
        """
--- shop/logs.py
import structlog

log = structlog.get_logger()
bound = log.bind(area="x")


def make():
    return structlog.get_logger().bind(area="made")


class Base:
    def __init__(self):
        self.log = structlog.get_logger()
--- shop/orders.py
from shop import logs
from shop.logs import Base, bound, log as logger, make


class Orders(Base):
    def run(self):
        self.log.info("shop.order.placed")  # emits: shop.order.placed


def run():
    logger.info("shop.order.placed")  # emits: shop.order.placed
    bound.info("shop.order.placed")  # emits: shop.order.placed
    logs.log.info("shop.order.placed")  # emits: shop.order.placed
    make().info("shop.order.placed")  # emits: shop.order.placed
"""
    ),
    "a factory of one's own": (
        """
from shop.obs import get_logger

log = get_logger(__name__)


class Orders:
    log = get_logger()

    def run(self):
        self.log.info("shop.order.placed")  # emits: shop.order.placed


def run():
    log.info("shop.order.placed")  # emits: shop.order.placed
    get_logger().bind(a=1).error("shop.order.failed")  # emits: shop.order.failed
""",
        SHOP,
        (FACADE,),
    ),
    "other loggers are none": (
        """
import logging
import loguru

log = logging.getLogger(__name__)


def run(console):
    log.info("shop.order.placed")
    loguru.logger.info("shop.order.placed")
    console.print("shop.order.placed")
"""
    ),
    "a naming decides": (
        """
import structlog

log = structlog.get_logger()


def run():
    log.info("order_placed")  # emits: order_placed
    log.info("order_lost")  # emits: order_lost
    log.info("placed")  # prose: placed
    log.info("shop.order.placed")  # prose: shop.order.placed
""",
        registry("order_placed", naming="order_[a-z]+"),
    ),
    "all are events": (
        """
import structlog

log = structlog.get_logger()


def run(name):
    log.info("order placed")  # emits: order placed
    log.info(name)  # emits: ?
""",
        SHOP,
        (LoggerConfig(("structlog.get_logger",), events="all"),),
    ),
    "none is an event": (
        """
import structlog

log = structlog.get_logger()


def run():
    log.info("shop.order.placed")  # prose: shop.order.placed
""",
        SHOP,
        (LoggerConfig(("structlog.get_logger",), events="none"),),
    ),
    "constants": (
        """
import structlog

log = structlog.get_logger()
PLACED = "shop.order.placed"


def run(failed):
    log.info(PLACED)  # emits: shop.order.placed
    log.info("shop.order.failed" if failed else PLACED)  # emits: shop.order.failed | shop.order.placed
"""
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    row = CASES[name]
    files, project, config = made(*row) if isinstance(row, tuple) else made(row)
    assert found_in(project, config) == expected_in(files)


def only(text: str, **more: Any) -> Emission:
    _, project, config = made(text, **more)
    [emission] = emissions(project, config).in_file("shop/orders.py")
    return emission


def fields(emission: Emission) -> list[str]:
    assert emission.payload is not None
    return [field.name for field in emission.payload.fields]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("log.info(E, a=1, b=2)", ["a", "b"]),
        ("log.bind(job=1).info(E, a=1)", ["job", "a"]),
        ("log.bind(job=1).bind(run=2).info(E)", ["job", "run"]),
        ("log.bind(job=1, run=2).unbind('job').info(E)", ["run"]),
        ("log.bind(job=1).new(run=2).info(E)", ["run"]),
        ("log.error(E, exc_info=True, code=1)", ["code"]),
        ("log.info(E, **{'a': 1})", ["a"]),
    ],
)
def test_bound_fields_belong_to_the_payload(call: str, expected: list[str]) -> None:
    head = "import structlog\n\nlog = structlog.get_logger()\nE = 'shop.order.placed'\n\n\n"
    emission = only(f"{head}def run():\n    {call}\n")
    assert fields(emission) == expected
    assert emission.payload is not None and emission.payload.complete


def test_what_a_logger_from_elsewhere_has_bound_is_not_known() -> None:
    emission = only(
        "--- shop/logs.py\nimport structlog\nlog = structlog.get_logger().bind(area=1)\n"
        "--- shop/orders.py\nfrom shop.logs import log\n\n\ndef run():\n    log.info('shop.order.placed', a=1)\n"
    )
    assert emission.payload is not None
    assert not emission.payload.complete
    assert fields(emission) == ["a"]


@pytest.mark.parametrize(
    ("call", "severity"),
    [
        ("log.info('shop.order.placed')", "info"),
        ("log.warn('shop.order.placed')", "warning"),
        ("log.exception('shop.order.placed')", "error"),
        ("log.fatal('shop.order.placed')", "critical"),
        ("log.log(logging.ERROR, 'shop.order.placed')", "error"),
        ("log.log(30, 'shop.order.placed')", "warning"),
        ("log.log(level, 'shop.order.placed')", ""),
    ],
)
def test_the_method_is_the_severity(call: str, severity: str) -> None:
    head = "import logging\nimport structlog\n\nlog = structlog.get_logger()\n\n\n"
    emission = only(f"{head}def run(level):\n    {call}\n")
    assert emission.severity == severity


def test_prose_is_left_out_unless_asked_for() -> None:
    _, project, config = made("import structlog\n\nlog = structlog.get_logger()\nlog.info('starting up')\n")
    found = emissions(project, config)
    assert found.in_file("shop/orders.py") == ()
    assert [e.is_prose for e in found.in_file("shop/orders.py", prose=True)] == [True]


def test_no_anchor_where_no_message_is_an_event() -> None:
    assert log_anchors(Config(root=Path("nowhere"), loggers=(LoggerConfig(("x.y",), events="none"),))) == ()

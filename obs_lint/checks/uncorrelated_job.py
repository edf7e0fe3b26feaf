"""Reports jobs and messages that are enqueued without any correlation id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.correlation_fields import canonical, expected
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.correlation import anchors as hop_anchors
from obs_lint.correlation import hops
from obs_lint.diagnostic import Diagnostic
from obs_lint.events.registries import registries


@dataclass(frozen=True, slots=True)
class Options:
    """What `uncorrelated-job` may be told."""

    libraries: tuple[str, ...] = ()
    """Libraries whose jobs are looked at, by package (`celery`, `redis`, `sqs`, `sns` …); () for all."""


def anchors(_: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that import a queue or a broker, or that may make one carry ids."""
    return hop_anchors(config, ("job",))


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a job, at the callee; none where the registry declares no correlation fields."""
    if not registries(run.project, run.config).correlation:
        return
    found = hops(run.project, run.config, canonical(run.project, run.config))
    wanted = expected(run.project, run.config)
    for path in found.files(run.files, ("job",)):
        for hop in found.in_file(path, ("job",)):
            if hop.carries or not hop.complete or (run.options.libraries and hop.library not in run.options.libraries):
                continue
            callee = hop.call[1]
            yield run.report(
                run.project.files[path],
                callee[-1],
                target=f"{hop.library}:{hop.target}",
                scope=hop.scope,
                library=hop.library,
                job=f"`{hop.target}`" if hop.target else f"what this {hop.library} call sends",
                field=wanted.name,
            )


CHECK = Check("uncorrelated-job", Options, run, anchors)

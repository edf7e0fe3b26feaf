"""The pipeline, from what is asked to a Report, readable from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obs_lint.catalogue import Catalogue
from obs_lint.checks import Check, load
from obs_lint.checks.run import RuleRun
from obs_lint.config.model import Config, wanting
from obs_lint.diagnostic import Diagnostic
from obs_lint.discovery import Discovery, ProjectFile
from obs_lint.facts.cache import Cache
from obs_lint.facts.model import Anchor
from obs_lint.facts.scan import Profile
from obs_lint.facts.store import FactsStore
from obs_lint.fingerprints import fingerprinted
from obs_lint.patterns import path_matches
from obs_lint.project import Project
from obs_lint.references import outside, require
from obs_lint.report import Failure, Inactive, Inference, Report, Summary
from obs_lint.rule import Rule
from obs_lint.sharing import perform_all


@dataclass(frozen=True, slots=True)
class Question:
    """What one run is asked, beside the configuration."""

    selected: frozenset[str] | None
    """Paths to report on, None for the whole project."""
    missing: tuple[str, ...]
    """PATHS that do not exist."""
    check_syntax: bool

    def covers(self, path: str) -> bool:
        """True where a finding in that file is wanted; the configuration's own file always is."""
        return self.selected is None or path in self.selected


@dataclass(frozen=True, slots=True)
class Plan:
    """One active rule as it runs over one part of the project."""

    rule: Rule
    check: Check[Any]
    options: Any
    config: Config
    paths: tuple[str, ...] | None
    """Globs of the scope, None for all files outside every scope."""
    anchors: int
    """Mask into the scan's anchors, 0 where the check has none."""


def lint(
    config: Config, catalogue: Catalogue, discovery: Discovery, store: FactsStore, cache: Cache, question: Question
) -> Report:
    """Scan, resolve, check, suppress: what there is to say of the files in `store`. Raises ConfigError."""
    whole = question.selected is None
    guess = wanting(config)
    plans, inactive, anchors = _plan(config, catalogue, whole=whole)
    own = SUPPRESSION_ANCHORS
    if guess:  # imported here: most runs have a configuration, and it costs 4 ms
        from obs_lint.inference import EVIDENCE, infer

        own += EVIDENCE
    every_import = guess or bool(outside(config, discovery))
    store.scan(_profile(plans, discovery, (*anchors, *own), every_import=every_import))
    project = Project(discovery, store, cache)

    inference: Inference | None = None
    if guess:
        modules = _banned(plans, discovery)
        config, inference = infer(config, project, store, modules, first_bit=len(anchors) + len(SUPPRESSION_ANCHORS))
        catalogue = catalogue.for_config(config)
        scanned = {plan.rule.code: plan.anchors for plan in plans}
        plans, inactive, _ = _plan(config, catalogue, whole=whole, scanned=scanned)
    require(config, discovery, store)

    failures = _unusable(discovery, store, question)
    _read_registries(plans, project)
    runs = [_bind(plan, project, store, question.selected, config) for plan in plans]
    found = perform_all(
        [plan.check for plan in plans],
        runs,
        lambda number, run, wrong: _perform(plans[number], run, wrong),
        project,
        store,
        failures,
    )
    failures += _broken_registries(config, project)
    if question.check_syntax:
        paths = project.files if question.selected is None else question.selected
        store.prefetch(paths)
        for path in sorted(paths):
            store.facts(path)

    wanted = [d for d in found if question.covers(d.path) and not _ignored(d, catalogue)]
    marks = store.anchored(((1 << len(SUPPRESSION_ANCHORS)) - 1) << len(anchors))
    kept, suppressed = _suppress(wanted, marks, plans, runs, catalogue, project, store, question)
    failures += [
        Failure("OBS900", path, message, line, column, cell or None)
        for path, (message, line, column, cell) in sorted(store.problems.items())
    ]
    final = fingerprinted(sorted(kept, key=lambda d: d.sort_key))
    codes = {d.code for d in final}
    return Report(
        diagnostics=tuple(final),
        failures=tuple(dict.fromkeys(failures)),
        inactive=inactive,
        warnings=catalogue.warnings,
        summary=Summary(
            files=len(discovery.files) if question.selected is None else len(question.selected), suppressed=suppressed
        ),
        inference=inference,
        rules={code: (rule.why, rule.url) for code, rule in catalogue.rules.items() if code in codes},
        summaries={code: rule.summary for code, rule in catalogue.rules.items() if code in codes},
        fail_on=config.fail_on,
        inputs=tuple(project.inputs),
        judged=tuple(sorted({plan.rule.code for plan in plans})),
    )


def _read_registries(plans: Iterable[Plan], project: Project) -> None:
    """Read the registries that the plans' rules can't do without, whether or not they come to ask for them."""
    for config in {id(plan.config): plan.config for plan in plans if "registry" in plan.rule.needs}.values():
        from obs_lint.events.registries import registries

        registries(project, config)


def _broken_registries(config: Config, project: Project) -> list[Failure]:
    """What can't be used of the registries that were read."""
    if not config.registry and not any(scope.config.registry for scope in config.scopes):
        return []
    from obs_lint.events.registries import broken

    return [
        Failure("registry", p.place.path, f"{p.message}{f' ({p.help})' if p.help else ''}", *p.place[1:3])
        for p in broken(project)
    ]


def _unusable(discovery: Discovery, store: FactsStore, question: Question) -> list[Failure]:
    """Whatever could not be looked at."""
    failures = [Failure("path", path, "no such file or folder; check the PATHS given") for path in question.missing]
    failures += [
        Failure("OBS900", path, f"can't be read: {why}")
        for path, why in sorted(store.unreadable.items())
        if question.covers(path)
    ]
    failures += [Failure("OBS900", path or ".", "this folder can't be listed") for path in discovery.unreadable]
    for path, problem in store.lexical_problems():
        if question.covers(path):
            store.problems.setdefault(path, problem)
    return failures


def _plan(
    config: Config, catalogue: Catalogue, *, whole: bool, scanned: Mapping[str, int] | None = None
) -> tuple[list[Plan], tuple[Inactive, ...], list[Anchor]]:
    """Decide which rules run over which part of the project, which can't, and what the scan must look for.

    `scanned`: masks of the anchors that have been looked for already, by code.
    """
    anchors: dict[Anchor, int] = {}
    plans: list[Plan] = []
    lacking: dict[str, Inactive] = {}
    parts: list[tuple[Config, tuple[str, ...] | None]] = [(config, None)]
    parts += [(scope.config, scope.paths) for scope in config.scopes]
    for part, paths in parts:
        rules = catalogue if part is config else catalogue.for_config(part)
        for rule in rules.selected():
            if rule.whole_project and not whole:
                continue
            if needs := _lacking(rule, part):
                lacking[rule.code] = Inactive(rule.code, needs, rule.summary)
                continue
            check = load(rule.check)
            options = rules.options(rule)
            mask = 0 if scanned is None else scanned.get(rule.code, 0)
            if scanned is None and check.anchors is not None:
                for anchor in check.anchors(options, part):
                    mask |= 1 << anchors.setdefault(anchor, len(anchors))
            plans.append(Plan(rule, check, options, part, paths, mask))
    running = {plan.rule.code for plan in plans}
    inactive = tuple(lacking[code] for code in sorted(lacking) if code not in running)
    return plans, inactive, list(anchors)


def _banned(plans: Iterable[Plan], discovery: Discovery) -> tuple[str, ...]:
    """Modules that the plans' rules ban by name, without the project's own packages."""
    modules: dict[str, None] = {}
    for plan in plans:
        options = plan.options
        if hasattr(options, "library_modules"):
            modules |= dict.fromkeys(options.library_modules if plan.config.kind == "library" else options.modules)
    roots = {module.partition(".")[0] for module in modules} - {"logging"}
    own = {file.symbol for file in discovery.files if file.is_package and file.symbol in roots}
    return tuple(module for module in modules if module.partition(".")[0] not in own)


def _lacking(rule: Rule, config: Config) -> str:
    """The first prerequisite of a rule that the configuration does not meet, "" where all are met."""
    for key in rule.needs:
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part.replace("-", "_"))
        if not value and not (key == "surface" and value is None and wanting(config)):
            return key
    return ""


def _profile(plans: Sequence[Plan], discovery: Discovery, anchors: Sequence[Anchor], *, every_import: bool) -> Profile:
    """What the scan looks for: cheap where nothing but banned imports is asked for."""
    roots = {module.partition(".")[0] for module in _banned(plans, discovery)}
    judge = False
    only_imports = True
    for plan in plans:
        if plan.check.name == "banned-import":
            judge = judge or plan.config.type_checking_imports == "allow"
            only_imports = only_imports and not plan.options.replacements
        elif plan.check.name not in _LEXICAL:
            only_imports = False
    return Profile(tuple(sorted(roots)), every_import or not only_imports, judge, tuple(anchors))


_LEXICAL = frozenset({"banned-import", "suppression-use", "baseline-use", "stale-pattern", "parsable"})
"""Checks that need no table of all imports."""


SUPPRESSION_ANCHORS: tuple[Anchor, ...] = (
    Anchor(words=(b"OBS",), pattern=rb"OBS[0-9]"),
    Anchor(words=(b"obs:",), pattern=rb"#[ \t]*obs:"),
)
"""Files in which a suppression comment may stand that names one of our codes, or is ours."""


def _bind(
    plan: Plan, project: Project, store: FactsStore, selected: frozenset[str] | None, config: Config
) -> RuleRun[Any]:
    """Give a rule the files that it may look at."""
    alone = frozenset(plan.rule.leaves_alone)
    files: Iterable[ProjectFile] = project.files.values()
    if config.scopes:
        owner = [scope.paths for scope in reversed(config.scopes)]
        mine = plan.paths
        files = [f for f in files if _scope_of(f.path, owner) == mine]
    if alone:
        files = [f for f in files if not (f.roles and f.roles & alone)]
    if selected is not None:
        files = [f for f in files if f.path in selected]
    files = tuple(files)
    anchored: tuple[ProjectFile, ...] = ()
    if plan.anchors:
        matching = store.anchored(plan.anchors)
        anchored = tuple(f for f in files if f.path in matching)
    return RuleRun(plan.rule, plan.options, plan.config, project, files, anchored)


def _scope_of(path: str, scopes: Iterable[tuple[str, ...]]) -> tuple[str, ...] | None:
    return next((globs for globs in scopes if any(path_matches(glob, path) for glob in globs)), None)


def _perform(plan: Plan, rule_run: RuleRun[Any], failures: list[Failure]) -> list[Diagnostic]:
    """Run one check. One that crashes is an internal error and costs no other rule its result."""
    found: list[Diagnostic] = []
    try:
        found.extend(plan.check.run(rule_run))
    except Exception as error:  # noqa: BLE001 - whatever a check raises must not cost the other rules their results
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        module = place.filename.replace("\\", "/").rpartition("obs_lint/")[2]
        what = f"{type(error).__name__}: {error} (obs_lint/{module}:{place.lineno})"
        near = found[-1].path if found else ""
        text = f"the check `{plan.check.name}` of {plan.rule.code} crashed: {what}; please report it"
        failures.append(Failure("internal", near, text))
    return found


def _ignored(diagnostic: Diagnostic, catalogue: Catalogue) -> bool:
    return catalogue.per_file_ignored(catalogue.rules[diagnostic.code], diagnostic.path)


def _suppress(
    found: Sequence[Diagnostic],
    marked: frozenset[str],
    plans: Sequence[Plan],
    runs: Sequence[RuleRun[Any]],
    catalogue: Catalogue,
    project: Project,
    store: FactsStore,
    question: Question,
) -> tuple[list[Diagnostic], int]:
    """Take out what comments suppress, and add what is wrong with those comments. Returns what is left and the
    number taken out.

    `marked` are the files in which comments of ours may stand; others are read only where something was found in them.
    """
    judging = [plan for plan in plans if plan.check.name == "suppression-use"]
    paths = {d.path for d in found if d.path in project.files and not store.unmarked(d.path)}
    if judging:
        paths |= {path for path in marked if question.covers(path)}
    if not paths:
        return list(found), 0
    from obs_lint.suppression import Judge, apply, find_suppressions, statement_lines

    comments = {path: marks for path in sorted(paths) if (marks := find_suppressions(store.text(path)))}
    if not comments:
        return list(found), 0

    def extent(diagnostic: Diagnostic) -> tuple[int, int]:
        if diagnostic.lines is not None:
            return diagnostic.lines
        line = diagnostic.span.start.line
        if diagnostic.cell is not None:
            line += next((first - 1 for first, cell in store.cells(diagnostic.path) if cell == diagnostic.cell), 0)
        facts = store.facts(diagnostic.path)
        covering = statement_lines(facts.statements, line, diagnostic.span.start.column) if facts else None
        return covering or (line, line)

    result = apply(found, comments, extent, catalogue.config)
    looked_at: dict[str, set[str]] = {}
    for plan, run in zip(plans, runs, strict=True):
        looked_at.setdefault(plan.rule.code, set()).update(file.path for file in run.files if file.path in comments)

    def ran(code: str, path: str) -> bool:
        return path in looked_at.get(code, ()) and not catalogue.per_file_ignored(catalogue.rules[code], path)

    codes = {code: rule.slug for code, rule in catalogue.rules.items()}
    judge = Judge(comments, result.used, catalogue.config, codes, project)
    kept = list(result.kept)
    for plan, run in zip(plans, runs, strict=True):
        if plan not in judging:
            continue
        within = {file.path for file in run.files}
        more = judge.unused(plan.rule, ran, within) if plan.options.finds == "unused" else judge.bare(plan.rule, within)
        kept += [d for d in more if not _ignored(d, catalogue)]
    return kept, len(result.suppressed)

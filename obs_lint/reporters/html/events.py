"""The event catalogue: each event as declared × emitted in the code × seen in a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from obs_lint.reporters.context import Context
from obs_lint.reporters.html.findings import located
from obs_lint.reporters.html.markup import prose, text
from obs_lint.reporters.supplement import Event, Place, Supplement
from obs_lint.reporters.text import plural

STATES: Mapping[str, tuple[str, str]] = {
    "unregistered": ("bad", "emitted in the code, and no registry declares it"),
    "foreign": ("bad", "seen in the run, and neither declared nor emitted in this code"),
    "never emitted": ("warn", "declared, and nothing in this code emits it"),
    "unseen by the linter": ("warn", "declared and seen in the run; no emission of it was found in the code"),
    "not exercised": ("warn", "declared and emitted; the run has not reached it"),
    "in order": ("good", "declared and emitted, and seen where a run was joined"),
}
"""State of an event → (how it is coloured, what it means); what asks for action first."""
_PLACES = 6


def state_of(event: Event) -> str:
    """Return the state of an event, a key of STATES."""
    if not event.declared:
        return "unregistered" if event.emitted else "foreign"
    if not event.emitted:
        return "unseen by the linter" if event.seen else "never emitted"
    return "not exercised" if event.seen == 0 else "in order"


def catalogue(supplement: Supplement, context: Context) -> str:
    """Return the section's content. `supplement.events` must not be None."""
    events = supplement.events or ()
    out = [f"<p class=lead>{_sentence(supplement)}</p>"]
    out += [f'<p class="note bad">The catalogue is incomplete: {prose(problem)}</p>' for problem in supplement.problems]
    if supplement.unresolvable:
        number = plural(len(supplement.unresolvable), "emission")
        places = "".join(f"<li>{_place(place, context)}" for place in supplement.unresolvable[:50])
        more = f"<li>and {len(supplement.unresolvable) - 50} more" if len(supplement.unresolvable) > 50 else ""
        out.append(
            f"<details class=more><summary>{number} of an event that can't be told from the code</summary>"
            f"<ul class=places>{places}{more}</ul></details>"
        )
    tally = Counter(map(state_of, events))
    if events:
        options = "".join(
            f'<option value="{state}">{state} ({tally[state]})</option>' for state in STATES if tally[state]
        )
        out.append(
            "<form class=filters id=event-filters hidden aria-label='Filter events'>"
            "<label class=grow>Name, place or owner"
            "<input type=search id=event-q autocomplete=off spellcheck=false></label>"
            f"<label>State<select id=event-state><option value=''>all ({len(events)})</option>{options}</select>"
            "</label></form><p class=shown id=event-count role=status aria-live=polite></p>"
        )
        joined = any(event.seen is not None for event in events)
        ordered = sorted(events, key=lambda event: (list(STATES).index(state_of(event)), event.name))
        out.append(f"<ul class=events>{''.join(_row(event, context, joined) for event in ordered)}</ul>")
    return "".join(out)


def _sentence(supplement: Supplement) -> str:
    events = supplement.events or ()
    if not events:
        return "No event is declared, and no emission was found."
    declared = sum(bool(event.declared) for event in events)
    emitted = sum(bool(event.emitted) for event in events)
    parts = [f"{plural(len(events), 'event')}: {declared} declared, {emitted} emitted in the code"]
    if any(event.seen is not None for event in events):
        parts.append(f", {sum(bool(event.seen) for event in events)} seen in the run")
    return "".join(parts) + "."


def _row(event: Event, context: Context, joined: bool) -> str:
    state = state_of(event)
    kind, meaning = STATES[state]
    marks = [
        _mark("declared", len(event.declared), bool(event.declared)),
        _mark("emitted", len(event.emitted), bool(event.emitted)),
    ]
    if joined:
        marks.append(_mark("seen", event.seen or 0, bool(event.seen)))
    about = []
    if event.severity:
        about.append(f"severity {text(event.severity)}")
    if event.owner:
        about.append(f"owner {text(event.owner)}")
    if event.deprecated:
        about.append("deprecated")
    places = _places("declared in", event.declared, context) + _places("emitted in", event.emitted, context)
    summary = f"<p>{prose(event.summary)}</p>" if event.summary else ""
    details = f"<span class=about>{' · '.join(about)}</span>" if about else ""
    return (
        f'<li data-state="{state}"><div class=ev><code class=evn>{text(event.name, 300)}</code>'
        f'<span class="chip {kind}" title="{meaning}">{state}</span>'
        f"<span class=marks>{''.join(marks)}</span>{details}</div>{summary}{places}"
    )


def _mark(word: str, count: int, there: bool) -> str:
    if not there:
        return f"<span class=no>not {word}</span>"
    return f"<span class=yes>{word}{f' × {count}' if count > 1 else ''}</span>"


def _places(word: str, places: Sequence[Place], context: Context) -> str:
    if not places:
        return ""
    shown = "".join(f"<li>{_place(place, context)}" for place in places[:_PLACES])
    more = f"<li>and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
    return f"<div class=where><span>{word}</span><ul class=places>{shown}{more}</ul></div>"


def _place(place: Place, context: Context) -> str:
    extra = [text(place.symbol, 300)] if place.symbol else []
    if place.service:
        extra.append(f"service {text(place.service, 100)}")
    if not place.certain:
        extra.append("one of several")
    told = f" <span class=sym>{' · '.join(extra)}</span>" if extra else ""
    return located(f"{place.path}:{place.line}", place.path, place.line, context) + told

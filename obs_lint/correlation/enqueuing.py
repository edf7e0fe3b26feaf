"""Jobs: what is put on which queue, stream or topic, for which function, and what goes along."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from obs_lint.correlation.addresses import Addresses, shown
from obs_lint.correlation.carried import NOTHING, UNTOLD, Carried, Carrying
from obs_lint.correlation.code import Code
from obs_lint.correlation.model import Canonical, Hop
from obs_lint.correlation.propagation import Propagation
from obs_lint.correlation.written import Place, Sources, argument, is_splat, last_name
from obs_lint.facts.model import Anchor, CallSite, Expr, FileFacts
from obs_lint.facts.nested import nested
from obs_lint.project import Origin, Project

QUEUES = ("celery", "rq", "django_rq", "arq", "dramatiq", "taskiq", "huey")
ANCHORS: tuple[Anchor, ...] = (
    Anchor(modules=QUEUES),
    Anchor(modules=("taskiq_redis", "taskiq_aio_pika", "taskiq_nats", "taskiq_aio_kafka", "taskiq_sqs")),
    Anchor(modules=("redis", "aioredis", "django_redis", "confluent_kafka", "kafka", "aiokafka", "pika", "aio_pika")),
    Anchor(modules=("boto3", "aioboto3", "aiobotocore")),
)
"""Files that import one of the libraries."""
CALLED = (
    rb"\.(?:delay|apply_async|s|si|signature|subtask|send|send_with_options|message|kiq|enqueue\w*|schedule|xadd"
    rb"|publish|[lr]push|produce|send_and_wait|basic_publish|send_message\w*|publish_batch|send_task)\("
    rb"|^[ \t]*@[\w.]*(?:task|actor|job)\b"
)
"""What a file must hold that makes a task, or calls a task, a queue or a producer of another file."""

MAKERS = frozenset(
    "Redis StrictRedis RedisCluster from_url get_redis_connection Producer SerializingProducer KafkaProducer "
    "AIOKafkaProducer create_pool ArqRedis Queue get_queue client resource Celery Task BlockingConnection "
    "connect_robust RedisHuey SqliteHuey MemoryHuey RedisBroker RabbitmqBroker StubBroker InMemoryBroker "
    "ListQueueBroker RedisStreamBroker AioPikaBroker Scheduler".split()
)
"""Last names of what makes a queue, a producer or a connection."""
_OPTIONS: Mapping[str, frozenset[str]] = {
    "celery": frozenset(
        "countdown eta expires queue priority routing_key exchange serializer compression retry retry_policy link "
        "link_error ignore_result time_limit soft_time_limit task_id shadow immutable add_to_parent producer "
        "connection publisher router root_id parent_id".split()
    ),
    "rq": frozenset(
        "job_timeout timeout result_ttl ttl failure_ttl description depends_on at_front retry on_success on_failure "
        "on_stopped pipeline unique".split()
    ),
    "arq": frozenset(("_job_id", "_queue_name", "_defer_until", "_defer_by", "_expires", "_job_try")),
    "redis": frozenset("maxlen approximate nomkstream minid limit id".split()),
}
"""Keywords that say how something is queued, not what."""

_TASK_METHODS: Mapping[str, tuple[str, ...]] = {
    "delay": ("celery", "rq"),
    "apply_async": ("celery",),
    "s": ("celery",),
    "si": ("celery",),
    "signature": ("celery",),
    "subtask": ("celery",),
    "send": ("dramatiq",),
    "send_with_options": ("dramatiq",),
    "message": ("dramatiq",),
    "message_with_options": ("dramatiq",),
    "kiq": ("taskiq",),
    "schedule": ("huey",),
}
_DECORATED: tuple[tuple[str, frozenset[str]], ...] = (
    ("celery", frozenset({"task", "shared_task", "periodic_task"})),
    ("rq", frozenset({"job"})),
    ("dramatiq", frozenset({"actor"})),
    ("taskiq", frozenset({"task"})),
    ("huey", frozenset({"task", "periodic_task", "db_task", "db_periodic_task", "context_task"})),
)
DECORATORS = frozenset(name for _, names in _DECORATED for name in names)
"""Last names of decorators that make tasks."""
_SIGNATURES = frozenset({"s", "si", "signature", "subtask"})
_CANVASES = frozenset({"chain", "group", "chord", "chunks", "xmap", "starmap"})


class Producer(NamedTuple):
    """How a method of a library's object is given what it publishes."""

    target: tuple[int, tuple[str, ...]]
    """Position and keywords of the queue, stream, topic or task."""
    ids: tuple[tuple[int, tuple[str, ...]], ...]
    """Those of the arguments that ids can stand in; () for all but the target and the options."""
    function: bool = False
    """True where the target is the function."""


_TOPIC = (0, ("topic",))
_PRODUCERS: Mapping[str, Mapping[str, Producer]] = {
    "redis": {
        "xadd": Producer((0, ("name",)), ((1, ("fields",)),)),
        "publish": Producer((0, ("channel",)), ((1, ("message",)),)),
        "spublish": Producer((0, ("shard_channel",)), ((1, ("message",)),)),
        "lpush": Producer((0, ("name",)), ()),
        "rpush": Producer((0, ("name",)), ()),
    },
    "confluent_kafka": {"produce": Producer(_TOPIC, ((1, ("value",)), (2, ("key",)), (-1, ("headers",))))},
    "kafka": {"send": Producer(_TOPIC, ((1, ("value",)), (2, ("key",)), (3, ("headers",))))},
    "aiokafka": {
        name: Producer(_TOPIC, ((1, ("value",)), (2, ("key",)), (5, ("headers",))))
        for name in ("send", "send_and_wait")
    },
    "arq": {"enqueue_job": Producer((0, ("function",)), (), True)},
    "rq": {
        "enqueue": Producer((0, ("f", "func")), (), True),
        "enqueue_call": Producer((0, ("func",)), (), True),
        "enqueue_at": Producer((1, ("f", "func")), (), True),
        "enqueue_in": Producer((1, ("f", "func")), (), True),
    },
    "celery": {"send_task": Producer((0, ("name",)), (), True)},
    "sqs": {
        "send_message": Producer((-1, ("QueueUrl",)), ((-1, ("MessageBody",)), (-1, ("MessageAttributes",)))),
        "send_messages": Producer((-1, ("QueueUrl",)), ((-1, ("Entries",)),)),
        "send_message_batch": Producer((-1, ("QueueUrl",)), ((-1, ("Entries",)),)),
    },
    "sns": {
        "publish": Producer(
            (-1, ("TopicArn", "TargetArn")), ((-1, ("Message",)), (-1, ("MessageAttributes",)), (-1, ("Subject",)))
        ),
        "publish_batch": Producer((-1, ("TopicArn",)), ((-1, ("PublishBatchRequestEntries",)),)),
    },
    "pika": {
        "basic_publish": Producer((1, ("routing_key",)), ((2, ("body",)), (3, ("properties",)))),
    },
    "aio_pika": {"publish": Producer((1, ("routing_key",)), ((0, ("message",)),))},
}
_OWNERS: Mapping[str, re.Pattern[str]] = {
    "redis": re.compile(r"(?:redis|aioredis|django_redis|fakeredis)\..*"),
    "confluent_kafka": re.compile(r"confluent_kafka\..*Producer"),
    "kafka": re.compile(r"kafka\..*KafkaProducer"),
    "aiokafka": re.compile(r"aiokafka\..*AIOKafkaProducer"),
    "arq": re.compile(r"arq\..*(?:create_pool|ArqRedis)|obs_surface\.propagation\.arq\.instrument_pool"),
    "rq": re.compile(r"(?:rq\..*Queue|django_rq\..*get_queue|rq_scheduler\..*Scheduler)"),
    "celery": re.compile(r"celery\..*(?:Celery|current_app)|celery\.current_app"),
    "sqs": re.compile(r"(?:boto3|aioboto3|aiobotocore)\..*"),
    "sns": re.compile(r"(?:boto3|aioboto3|aiobotocore)\..*"),
    "pika": re.compile(r"pika\..*"),
    "aio_pika": re.compile(r"aio_pika\..*"),
}
_DISTINCTIVE: Mapping[str, tuple[str, str]] = {
    "enqueue_job": ("arq", "arq"),
    "basic_publish": ("pika", "pika"),
    "send_message_batch": ("sqs", "boto3"),
}
"""Methods that are called like nothing else: (library, package that the file or its project must import)."""
_FUNCTIONS: Mapping[str, tuple[str, Producer]] = {
    "django_rq.enqueue": ("rq", Producer((0, ("func",)), (), True)),
    "django_rq.queues.enqueue": ("rq", Producer((0, ("func",)), (), True)),
    "celery.execute.send_task": ("celery", Producer((0, ("name",)), (), True)),
}
_LAST = frozenset(name.rpartition(".")[2] for name in _FUNCTIONS)
_LISTS = re.compile(r"(?:queue|job|task|work|inbox)(?:s|_key|_name)?$", re.IGNORECASE)
"""How names of lists in redis end that are queues."""


class Enqueuing:
    """The jobs that a project enqueues."""

    def __init__(
        self,
        project: Project,
        sources: Sources,
        carrying: Carrying,
        code: Code,
        canonical: Canonical,
        propagation: Propagation,
    ) -> None:
        """`propagation` knows which libraries' jobs carry ids by themselves."""
        self._project = project
        self._sources = sources
        self._carrying = carrying
        self._code = code
        self._canonical = canonical
        self._propagation = propagation
        self._addresses = Addresses(sources)

    def in_file(self, path: str, facts: FileFacts) -> Iterator[Hop]:
        """Yield the jobs that a file enqueues."""
        sent = self._sent_signatures(path, facts)
        for site in facts.calls:
            hop = self._of_call(path, site, sent)
            if hop is not None:
                yield hop

    def _of_call(self, path: str, site: CallSite, sent: Mapping[tuple[int, ...], Carried]) -> Hop | None:
        func, call = site.expr[1], site.expr
        name = last_name(func)
        if func[0] == "attr" and name in _TASK_METHODS:
            task = self._task(path, site.scope, func[1])
            if task is not None:
                return self._of_task(path, site, name, task, sent)
        for library, producer in self._producers(path, site, name):
            return self._of_producer(path, site, library, producer)
        for origin in self._project.resolve(path, site.scope, func) if func[0] == "name" or name in _LAST else ():
            if origin.name in _FUNCTIONS:
                return self._of_producer(path, site, *_FUNCTIONS[origin.name])
            if origin.kind == "function" and self.library_of(origin.path, origin.index) == "huey":
                given = self._carrying.arguments(path, site.scope, call)
                return self._made(path, site, "huey", origin.name, (origin.path, origin.index), given)
        return None

    # -- tasks

    def _task(self, path: str, scope: int, receiver: Expr) -> Origin | None:
        """Return the function or the task object that a method such as `.delay` is read from."""
        if receiver[0] == "call" and last_name(receiver) in ("options", "kicker", "with_labels", "with_options", "set"):
            return self._task(path, scope, receiver[1][1]) if receiver[1][0] == "attr" else None
        for origin in self._project.resolve(path, scope, receiver):
            if origin.kind == "function" and origin.path and self.library_of(origin.path, origin.index):
                return origin
            if origin.kind in ("instance", "class") and origin.path and self._is_task_class(origin):
                return origin
        return None

    def _is_task_class(self, origin: Origin) -> bool:
        bases = self._project.ancestors(origin.path, origin.index)
        return any(isinstance(base, str) and base.startswith("celery.") and base.endswith("Task") for base in bases)

    def library_of(self, path: str, index: int) -> str:
        """Return the queue that a function is a task of, "" where it is none."""
        facts = self._project.facts(path)
        if facts is None:
            return ""
        function = facts.functions[index]
        for decorator in function.decorators:
            callee = decorator[1] if decorator[0] == "call" else decorator
            last = last_name(callee)
            for library, names in _DECORATED:
                if last in names and self._comes_from(path, function.parent, callee, library):
                    return library
            if last.endswith("task") and self._wraps_task(path, function.parent, callee):
                return "celery"
        return ""

    def _comes_from(self, path: str, scope: int, callee: Expr, library: str) -> bool:
        for origin in self._project.resolve(path, scope, callee):
            if origin.kind in ("external", "member", "result") and _root(origin.name) == library:
                return True
        if callee[0] == "attr":
            for origin in self._project.resolve(path, scope, callee[1]):
                if origin.kind in ("result", "external") and _root(origin.name) == library:
                    return True
                if origin.kind == "instance" and any(_root(name) == library for name in self._names_of_class(origin)):
                    return True
        return False

    def _names_of_class(self, origin: Origin) -> list[str]:
        if not origin.path:
            return [origin.name]
        return [each for each in self._project.ancestors(origin.path, origin.index) if isinstance(each, str)]

    def _wraps_task(self, path: str, scope: int, callee: Expr) -> bool:
        """True for a first-party decorator whose body makes a celery task: `instrumented_task(name=…)`."""
        for origin in self._project.resolve(path, scope, callee):
            facts = self._project.facts(origin.path) if origin.kind == "function" and origin.path else None
            if facts is None:
                continue
            qualname = facts.functions[origin.index].qualname
            for site in facts.calls:
                if facts.scopes[site.scope].qualname.startswith(qualname) and last_name(site.expr) in (
                    "shared_task",
                    "task",
                ):
                    if self._comes_from(origin.path, site.scope, site.expr[1], "celery"):
                        return True
        return False

    def _of_task(
        self, path: str, site: CallSite, method: str, task: Origin, sent: Mapping[tuple[int, ...], Carried]
    ) -> Hop | None:
        call = site.expr
        function = (task.path, task.index) if task.kind == "function" else self._run_method(task)
        library = self.library_of(task.path, task.index) if task.kind == "function" else "celery"
        if library not in _TASK_METHODS[method]:
            return None
        if method in ("apply_async", "send_with_options", "message_with_options", "signature", "subtask", "schedule"):
            found = NOTHING
            for value, is_header in self._options(call, method):
                place = Place(path, site.scope, value)
                found |= self._carrying.headers(place) if is_header else self._carrying.payload(place)
            if is_splat(call):
                found |= UNTOLD
        else:
            found = self._carrying.arguments(path, site.scope, call)
        found |= self._labels(path, site.scope, call[1][1])
        if method in _SIGNATURES:
            extra = sent.get(call[-1])
            found = found | extra if extra is not None else found | UNTOLD
        return self._made(path, site, library, task.name, function, found)

    def _options(self, call: Expr, method: str) -> Iterator[tuple[Expr, bool]]:
        """Yield what is given in `args`, `kwargs` and `headers`."""
        for position, value in enumerate(call[2]):
            if value[0] != "star" and position < 2:
                yield value, False
        for name, value, _ in call[3]:
            if name == "headers":
                yield value, True
            elif name is not None and name not in _OPTIONS["celery"]:
                yield value, False

    def _labels(self, path: str, scope: int, receiver: Expr) -> Carried:
        """What `task.kicker().with_labels(request_id=…)` and `actor.message(…)` add."""
        found = NOTHING
        while receiver[0] == "call" and receiver[1][0] == "attr":
            if last_name(receiver) in ("with_labels", "options", "set", "with_options"):
                found |= self._carrying.arguments(path, scope, receiver)
            receiver = receiver[1][1]
        return found

    def _run_method(self, task: Origin) -> tuple[str, int] | None:
        for origin in self._project.resolve_attribute(task, "run"):
            if origin.kind == "function" and origin.path:
                return origin.path, origin.index
        return None

    def _sent_signatures(self, path: str, facts: FileFacts) -> Mapping[tuple[int, ...], Carried]:
        """Signatures that are sent in this file, by place, with what their sending adds."""
        found: dict[tuple[int, ...], Carried] = {}
        for site in facts.calls:
            call, func = site.expr, site.expr[1]
            if func[0] == "attr" and func[2] in ("delay", "apply_async"):
                headers = argument(call, -1, "headers")
                extra = NOTHING if headers is None else self._carrying.headers(Place(path, site.scope, headers))
                if func[2] == "apply_async" and any(name is None for name, _, _ in call[3]):
                    extra |= UNTOLD
                self._note(found, Place(path, site.scope, func[1]), extra)
            elif func[0] == "call" and last_name(func) in _CANVASES | _SIGNATURES:
                self._note(found, Place(path, site.scope, func), NOTHING)
            elif func[0] == "name" and not call[2] and not call[3]:
                for end in self._sources.ends(Place(path, site.scope, func)):
                    if end.place.expr[0] == "call" and last_name(end.place.expr) in _CANVASES | _SIGNATURES:
                        self._note(found, end.place, NOTHING)
        return found

    def _note(self, found: dict[tuple[int, ...], Carried], place: Place, extra: Carried) -> None:
        for end in self._sources.ends(place):
            if end.place.path != place.path:
                continue
            for expr in nested(end.place.expr):
                if expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] in _SIGNATURES:
                    found.setdefault(expr[-1], extra)

    # -- queues and producers

    def _producers(self, path: str, site: CallSite, name: str) -> Iterator[tuple[str, Producer]]:
        func = site.expr[1]
        if func[0] != "attr":
            return
        libraries = [library for library, table in _PRODUCERS.items() if name in table]
        if not libraries:
            return
        origins = self._sources.objects(path, site.scope, func[1])
        names = [each for origin in origins for each in self._object_names(origin)]
        keywords = {keyword for keyword, _, _ in site.expr[3]}
        for library in libraries:
            producer = _PRODUCERS[library][name]
            if any(_OWNERS[library].fullmatch(each) for each in names) and self._fits(library, name, site, keywords):
                yield library, producer
        if any(_root(each) for each in names):
            return
        if name in _DISTINCTIVE and self._imports(_DISTINCTIVE[name][1]):
            library = _DISTINCTIVE[name][0]
            yield library, _PRODUCERS[library][name]
        elif name == "send_message" and "QueueUrl" in keywords:
            yield "sqs", _PRODUCERS["sqs"][name]
        elif name == "publish" and {"TopicArn", "TargetArn"} & keywords:
            yield "sns", _PRODUCERS["sns"][name]
        elif name == "publish" and self._is_message(path, site, "aio_pika"):
            yield "aio_pika", _PRODUCERS["aio_pika"][name]

    def _object_names(self, origin: Origin) -> list[str]:
        if origin.kind in ("result", "external", "member"):
            return [origin.name.replace("()", "")]
        if origin.kind == "instance":
            return self._names_of_class(origin)
        return []

    def _fits(self, library: str, name: str, site: CallSite, keywords: set[str | None]) -> bool:
        if name in ("lpush", "rpush"):
            key = argument(site.expr, 0, "name")
            return key is not None and _LISTS.search(_end_of(key)) is not None
        if library == "sqs":
            return bool({"QueueUrl", "MessageBody", "Entries"} & keywords)
        if library == "sns":
            return bool({"TopicArn", "TargetArn"} & keywords)
        return True

    def _is_message(self, path: str, site: CallSite, library: str) -> bool:
        if not site.expr[2]:
            return False
        for end in self._sources.ends(Place(path, site.scope, site.expr[2][0])):
            expr = end.place.expr
            if expr[0] == "call" and any(
                _root(o.name) == library for o in self._project.resolve(end.place.path, end.place.scope, expr[1])
            ):
                return True
        return False

    def _imports(self, package: str) -> bool:
        return self._project.once(
            ("imports package", package), lambda: bool(self._project.matching((Anchor(modules=(package,)),)))
        )

    def _of_producer(self, path: str, site: CallSite, library: str, producer: Producer) -> Hop:
        call = site.expr
        position, keywords = producer.target
        target = argument(call, position, *keywords)
        if producer.ids:
            found = NOTHING
            for at, names in producer.ids:
                value = argument(call, at, *names)
                if value is not None:
                    place = Place(path, site.scope, value)
                    found |= self._carrying.headers(place) if "headers" in names else self._message(place)
            if is_splat(call):
                found |= UNTOLD
        else:
            rest = ("call", call[1], tuple(v for v in call[2] if v is not target), call[3], call[-1])
            found = self._carrying.arguments(path, site.scope, rest, (*keywords, *_OPTIONS.get(library, ())))
            headers = argument(call, -1, "headers")
            if headers is not None:
                found |= self._carrying.headers(Place(path, site.scope, headers))
        function, text = None, ""
        if target is not None:
            function, text = self._aim(Place(path, site.scope, target), producer)
        return self._made(path, site, library, text, function, found)

    def _message(self, place: Place) -> Carried:
        """What a message carries: its body, and the headers among its properties."""
        found = NOTHING
        for end in self._sources.ends(place):
            expr = end.place.expr
            headers = argument(expr, -1, "headers") if expr[0] == "call" else None
            if headers is not None:
                found |= self._carrying.headers(Place(end.place.path, end.place.scope, headers))
        return found if found.fields else found | self._carrying.payload(place)

    def _aim(self, target: Place, producer: Producer) -> tuple[tuple[str, int] | None, str]:
        """Return the function that a job is for, and what the target is called."""
        if producer.function:
            for origin in self._project.resolve(*target):
                if origin.kind == "function" and origin.path:
                    return (origin.path, origin.index), origin.name
        text = shown(self._addresses.of(target))
        return (self._named_task(text, target.path) if producer.function else None), text

    def _named_task(self, name: str, importer: str) -> tuple[str, int] | None:
        if not name or "<" in name or "…" in name:
            return None
        if "." in name:
            for origin in self._project.lookup(name, importer):
                if origin.kind == "function" and origin.path:
                    return origin.path, origin.index
            return None
        return self._project.once(("task named", name), lambda: self._defined(name))

    def _defined(self, name: str) -> tuple[str, int] | None:
        """Return the only function of the project, tests apart, that is called so at the top of a module."""
        word = name.encode("utf-8", "replace")
        anchor = Anchor((word,), rb"^(?:async[ \t]+)?def[ \t]+" + re.escape(word) + rb"(?!\w)")
        found = []
        for path in sorted(self._project.matching((anchor,))):
            facts = None if "tests" in self._project.files[path].roles else self._project.facts(path)
            for index, function in enumerate(facts.functions if facts is not None else ()):
                if function.name == name and function.parent == 0:
                    found.append((path, index))
        return found[0] if len(found) == 1 else None

    def _is_made_to_carry(self, receiver: Place) -> bool:
        """True for a queue or a pool that carries ids, as configured, or by what it is made or treated with."""
        for end in self._sources.ends(receiver) if self._code.knows_any else ():
            if any(self._code.is_propagating(each) for each in end.passed):
                return True
            made = end.place
            for name, value, _ in made.expr[3] if made.expr[0] == "call" else ():
                if name in _OF_CONSTRUCTORS and self._code.is_propagating(Place(made.path, made.scope, value)):
                    return True
            for own, touch in self._sources.touched(end.passed):
                if isinstance(touch, CallSite) and any(value[:2] == own.expr[:2] for value in touch.expr[2]):
                    if self._code.is_propagating(Place(own.path, touch.scope, touch.expr)):
                        return True
        return False

    def _made(
        self,
        path: str,
        site: CallSite,
        library: str,
        target: str,
        function: tuple[str, int] | None,
        found: Carried,
    ) -> Hop:
        by = "payload" if library in _MESSAGES else "argument"
        func = site.expr[1]
        if not found.fields:
            receiver = Place(path, site.scope, func[1]) if func[0] == "attr" else None
            configured = receiver is not None and self._is_made_to_carry(receiver)
            if (
                library in self._propagation.libraries
                or configured
                or self._code.is_propagating(Place(path, site.scope, site.expr))
                or self._code.is_within_propagating(path, site.scope)
            ):
                found, by = Carried(frozenset(self._canonical.names)), "propagation"
        fields = tuple(sorted(found.fields))
        return Hop(
            path,
            site.scope,
            site.expr,
            site.statement,
            "job",
            library,
            target,
            function,
            fields,
            by if fields else "",
            found.complete,
        )


_OF_CONSTRUCTORS = frozenset({"job_class", "job_serializer"})
"""Keywords that say how an object makes what it enqueues."""
_MESSAGES = frozenset({"redis", "confluent_kafka", "kafka", "aiokafka", "pika", "aio_pika", "sqs", "sns"})


def _root(dotted: str) -> str:
    root = dotted.partition(".")[0]
    return {"django_rq": "rq"}.get(root, "taskiq" if root.startswith("taskiq_") else root)


def _end_of(expr: Expr) -> str:
    """Return what a key ends with: its text, or the name that it is read from."""
    if expr[0] == "const":
        return str(expr[1])
    if expr[0] == "fstr" and expr[1]:
        return _end_of(expr[1][-1])
    if expr[0] == "fmt":
        return _end_of(expr[1])
    return _end_of(expr[3]) if expr[0] == "binop" else last_name(expr)

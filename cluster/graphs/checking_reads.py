"""Whether every expression can be read, and whether what it reads will be there: keys of the input, and of the state on every way."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.errors import BadInput
from cluster.graphs.expressions import names_in
from cluster.graphs.findings import Findings, choice
from cluster.graphs.reading import Reads
from cluster.graphs.structure import ERROR_KEY, Source, Way, Ways, arriving, reachable, sources, ways_of, writers, written
from cluster.graphs.templates import expressions_in
from cluster.specs.graph import GraphSpec
from cluster.specs.nodes import END, JoinNode
from cluster.specs.yaml_text import Place

# Expressions of each text that could be read.
Readable = Mapping[Place, tuple[str, ...]]
# Keys of the output that are followed through the graph.
MOST_KEYS = 100


def check_reads(spec: GraphSpec, findings: Findings) -> Readable:
    """What could be read is given back, for the checks that follow."""
    readable: dict[Place, tuple[str, ...]] = {}
    there = _There(spec)
    for source in sources(spec):
        try:
            texts = expressions_in(source.text) if source.is_template else (source.text,)
            reads = [names_in(text) for text in texts]
        except BadInput as error:
            findings.error(error.message, source.node, source.path)
            continue
        readable[source.path] = texts
        for one in reads:
            _in_map(source, one, findings)
            _input(spec, source, one, findings)
            there.check(source, one, findings)
    return readable


def _in_map(source: Source, reads: Reads, findings: Findings) -> None:
    if reads.in_map and not source.in_map:
        findings.error("'item' and 'index' are there only in the 'each' of a map; read 'state' or 'input' here.", source.node, source.path)


def _input(spec: GraphSpec, source: Source, reads: Reads, findings: Findings) -> None:
    properties = spec.input.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return
    required = spec.input.get("required")
    for key in sorted(reads.keys("input")):
        if key not in properties:
            findings.error(f"'input' has no key '{key}'; {choice(key, list(properties))}", source.node, source.path)
        elif (
            key in reads.needed("input")
            and key not in (required if isinstance(required, list) else [])
            and not _has_default(properties[key])
        ):
            said = f"'input.{key}' may be missing; add it to 'required' of 'input', give it a 'default', or ask has(input.{key})."
            findings.warn(said, source.node, source.path)


def _has_default(schema: object) -> bool:
    return isinstance(schema, Mapping) and "default" in schema


class _There:
    """Which keys of the state are there when a node runs: on some way, and on every way."""

    def __init__(self, spec: GraphSpec) -> None:
        self.spec, self.ways = spec, ways_of(spec)
        self.writers = writers(spec)
        self.catches = any(node.on_error is not None for node in spec.nodes.values())
        self.keys = frozenset(self.writers) | {ERROR_KEY}
        self.may = _may(spec, self.ways)
        self.must = _must(spec, self.ways, self.keys)
        self._sure: dict[str, bool] = {}

    def check(self, source: Source, reads: Reads, findings: Findings) -> None:
        for key in sorted(reads.keys("state")):
            if key not in self.writers and not (key == ERROR_KEY and self.catches):
                self._nobody(key, source, findings)
            elif key in reads.needed("state"):
                self._before(key, source, findings)

    def _nobody(self, key: str, source: Source, findings: Findings) -> None:
        known = sorted(self.writers)
        if key == ERROR_KEY:
            findings.error("'state.error' is written where a node with 'on_error' fails, and there is none.", source.node, source.path)
            return
        findings.error(f"no node writes 'state.{key}'; {choice(key, known)}", source.node, source.path)

    def _before(self, key: str, source: Source, findings: Findings) -> None:
        if source.node is None:
            if key not in self._sure:
                self._sure[key] = len(self._sure) > MOST_KEYS or _surely(self.spec, self.ways, key)
            if key != ERROR_KEY and not self._sure[key]:
                said = f"'state.{key}' is not written on every way; write has(state.{key}) ? state.{key} : null, or write it on the others."
                findings.warn(said, None, source.path)
            return
        own = written(source.node, self.spec.nodes[source.node]) if source.after else frozenset()
        if key in own or key in self.must.get(source.node, frozenset()):
            return
        if key not in self.may.get(source.node, frozenset()):
            by = " and ".join(f"'{name}'" for name in self.writers.get(key, [])) or "a node that failed"
            findings.error(
                f"'state.{key}' is not there yet: {by} writes it, and no way leads from there to here.", source.node, source.path
            )
        else:
            said = f"'state.{key}' is not written on every way that leads here; ask has(state.{key}) first."
            findings.warn(said, source.node, source.path)


def _may(spec: GraphSpec, ways: Ways) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {name: set() for name in spec.nodes}
    for name, node in spec.nodes.items():
        keys = written(name, node)
        for after in reachable(ways, (way.to for way in ways[name])):
            found[after] |= keys
        if node.on_error is not None:
            for after in reachable(ways, [node.on_error]):
                found[after].add(ERROR_KEY)
    return {name: frozenset(keys) for name, keys in found.items()}


def _must(spec: GraphSpec, ways: Ways, keys: frozenset[str]) -> dict[str, frozenset[str]]:
    """The greatest solution: what every way brings; for a node that waits, also what those bring together that come in any case."""
    into = arriving(ways)
    through = _through(spec, into)
    always = {name: tuple(way for way in ways[name] if way.always) if node.on_error is None else () for name, node in spec.nodes.items()}
    joins = [name for name, node in spec.nodes.items() if node.join == "all" or isinstance(node, JoinNode)]
    waits = {name: _sure_before(name, through[name], spec, always) for name in joins}
    here: dict[str, frozenset[str]] = {name: frozenset() if name in spec.starts else keys for name in spec.nodes}
    changed = True
    while changed:
        changed = False
        for name in spec.nodes:
            brought = {(before, way): here[before] | _brings(spec, before, way) for before, way in into[name]}
            now = frozenset.intersection(*brought.values()) if brought and name not in spec.starts else frozenset()
            for (before, way), some in brought.items():
                if name in waits and before in waits[name] and way.always:
                    now |= some
            if now != here[name]:
                here[name], changed = now, True
    return here


def _brings(spec: GraphSpec, before: str, way: Way) -> frozenset[str]:
    return frozenset({ERROR_KEY}) if way.kind == "error" else written(before, spec.nodes[before])


def _through(spec: GraphSpec, into: Mapping[str, list[tuple[str, Way]]]) -> dict[str, frozenset[str]]:
    """By node, the nodes that every way to it leads through (its dominators), itself included."""
    bit = {name: 1 << number for number, name in enumerate(spec.nodes)}
    everything = (1 << len(bit)) - 1
    through = {name: bit[name] if name in spec.starts else everything for name in spec.nodes}
    changed = True
    while changed:
        changed = False
        for name in spec.nodes:
            now = 0 if name in spec.starts or not into[name] else everything
            for before, _ in into[name]:
                now &= through[before]
            if now | bit[name] != through[name]:
                through[name], changed = now | bit[name], True
    return {name: frozenset(other for other in bit if bits & bit[other]) for name, bits in through.items()}


def _sure_before(join: str, through: frozenset[str], spec: GraphSpec, always: Ways) -> frozenset[str]:
    """Nodes that have run in any case when ``join`` runs: those that every way to it leads through, and what always follows on them."""
    begins = spec.starts if len(spec.starts) > 1 else ()
    return frozenset(reachable(always, [*(through - {join}), *begins], without=join))


def _surely(spec: GraphSpec, ways: Ways, key: str) -> bool:
    """Whether the key is written whichever way a run goes: by a node on a way that is always taken, or on all of those it chooses from."""
    sure: set[str] = set()
    changed = True
    while changed:
        changed = False
        for name, node in spec.nodes.items():
            if (
                name not in sure
                and (key in written(name, node) or _leads(name, ways, sure))
                and (node.on_error is None or node.on_error in sure)
            ):
                sure.add(name)
                changed = True
    return any(name in sure for name in spec.starts)


def _leads(name: str, ways: Ways, sure: set[str]) -> bool:
    onward = [way for way in ways[name] if way.kind != "error"]
    chosen = [way for way in onward if not way.always]
    return any(way.to in sure for way in onward if way.always) or (
        bool(chosen) and all(way.to in sure for way in chosen) and not any(way.to == END for way in chosen)
    )

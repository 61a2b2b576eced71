"""Whether a graph makes sense as a whole, before anything of it runs. All that is wrong is said at once, each with its node and line."""

from __future__ import annotations

from cluster.errors import BadInput
from cluster.graphs.checking_flow import check_flow
from cluster.graphs.checking_names import check_names
from cluster.graphs.checking_reads import check_reads
from cluster.graphs.checking_types import check_types
from cluster.graphs.findings import Finding, Findings, Known
from cluster.specs.graph import GraphSpec
from cluster.specs.yaml_text import Lines

MOST = 20

__all__ = ["Finding", "Known", "check", "require"]


def check(spec: GraphSpec, lines: Lines | None = None, known: Known | None = None) -> list[Finding]:
    """In order of line, errors before warnings of the same. ``known``: what exists; what is not known is not asked for."""
    world = known if known is not None else Known()
    findings = Findings(lines or {})
    if check_flow(spec, findings):
        readable = check_reads(spec, findings)
        check_names(spec, world, findings)
        check_types(spec, readable, world, findings)
    return sorted(findings.found, key=lambda finding: (finding.line or 0, finding.severity != "error"))


def require(spec: GraphSpec, lines: Lines | None = None, known: Known | None = None, origin: str | None = None) -> list[Finding]:
    """Raises BadInput with all errors, a line for each, the first MOST of them; gives the warnings back. ``origin``: what the graph is
    called in messages; None: its name."""
    findings = check(spec, lines, known)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        told = [finding.told(origin or f"graph '{spec.name}'") for finding in errors[:MOST]]
        rest = [f"and {len(errors) - MOST} more."] if len(errors) > MOST else []
        path = ".".join(map(str, errors[0].path))
        raise BadInput("\n".join([*told, *rest])).about(path or None)
    return findings

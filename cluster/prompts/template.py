"""System prompts with variables: ``$name`` and ``${name}``, ``$$`` for a dollar.

string.Template, not Jinja: its sandbox has been escaped more than once, and a loop in a template can eat all memory, while this replaces
names in linear time and can do nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from string import Template

from cluster.errors import BadInput


def names_in(text: str) -> list[str]:
    """The variables of ``text``. Raises BadInput for a dollar that begins no name."""
    template = Template(text)
    if not template.is_valid():
        raise BadInput("The prompt has a '$' that begins no variable; write '$$' for the sign itself.").about("text")
    return template.get_identifiers()


def render(text: str, values: Mapping[str, str]) -> str:
    """Raises BadInput naming the variables that have no value."""
    missing = [name for name in names_in(text) if name not in values]
    if missing:
        raise BadInput(f"The system prompt needs values for {', '.join(missing)}; give them in 'prompt_variables'.").about(
            "prompt_variables"
        )
    return Template(text).substitute(values)


def fits(pattern: str, model: str) -> bool:
    return fnmatchcase(model.lower(), pattern.lower())


def closeness(pattern: str) -> tuple[int, int]:
    """How exactly a pattern names models: most literal characters first, then fewest wildcards."""
    wild = sum(pattern.count(sign) for sign in "*?[")
    return len(pattern) - wild, -wild

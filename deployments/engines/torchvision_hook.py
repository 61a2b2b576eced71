"""Lets torchvision be imported beside a torch whose build it was not made for (PyPI's torchvision and a CPU-only torch).

There torchvision's compiled operators do not load, which it tolerates, but it then registers a shape function for ``nms``
and ``qnms`` and torch raises ``operator torchvision::nms does not exist``. Declaring the two missing schemas in between is
all that is needed: nothing here calls them, and a call still fails with torch's own message that no kernel exists. Where the
compiled operators did load, nothing is done.

Imported at every start of the interpreter (see torchvision_ops.py), so it imports nothing but ``sys``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# By the time torchvision asks for this submodule it has loaded its compiled operators, or failed to.
MOMENT = "torchvision._meta_registrations"
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_libraries: list[object] = []  # torch forgets a declaration when its Library object is collected


class MissingOperators:
    """A meta path finder that finds nothing, and declares the operators when torchvision is about to need them."""

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == MOMENT:
            declare_missing()
        return None


def declare_missing() -> None:
    """Declare those of SCHEMAS that torch does not know. Torch must be importable."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            library.define(schema)  # type: ignore[no-untyped-call]
    _libraries.append(library)


def hook() -> None:
    """Put the finder in front of the others, once."""
    if MissingOperators not in sys.meta_path:
        sys.meta_path.insert(0, MissingOperators)


hook()

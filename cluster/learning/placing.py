"""A folder that was written beside its name gets it, and survives a power failure from then on."""

from __future__ import annotations

from pathlib import Path

from cluster.generations import sync_folder, sync_tree


def place(written: Path, target: Path, root: Path) -> None:
    """Blocking. ``target``, below ``root``, is not there, or an empty folder. What is in it is on disk before it has its name; the names of
    all folders on the way to it are when this returns."""
    sync_tree(written)
    written.rename(target)
    sync_up(target.parent, root)


def sync_up(folder: Path, root: Path) -> None:
    """Makes the names in ``folder`` and in those above it, up to ``root``, survive a power failure."""
    for one in (folder, *folder.parents):
        sync_folder(one)
        if one == root:
            return

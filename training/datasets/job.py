"""One version of a dataset from its sources to its row::

    python -m training.datasets JOB_ID

The spec is ``{"dataset": ID}``. What is half done is nowhere but in a folder of the process, so that a job whose process was killed begins
anew and ends with the same version; what is there already is not written again.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cluster.errors import Unprocessable
from cluster.home import Home
from cluster.jobs.work import Result, Work
from cluster.learning.datasets.erasing import erased, mark_new, take_turns
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.origins import ORIGINS, Library, Origin
from cluster.learning.datasets.recipe import Recipe
from cluster.learning.datasets.store import Datasets
from cluster.learning.datasets.tables import Dataset
from cluster.learning.example import Source
from cluster.standing_back import stand_back
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from cluster.text.duplicates import Fingerprint
from training.datasets.examining import How
from training.datasets.flow import attach, examine
from training.datasets.reading import Reading
from training.datasets.sheet import datasheet
from training.datasets.sifting import Entry, Sifted, sift
from training.datasets.splitting import split
from training.datasets.tally import Tally
from training.datasets.writing import Texts, write_sheet, write_splits

ResultT = TypeVar("ResultT")
UNIT = "examples"


def build_version(work: Work, origins: Mapping[str, Origin] = ORIGINS) -> Result:
    """A version of the dataset that the job names: its ``version`` and ``sha256``, and whether it is ``new``."""
    stand_back(work.settings.datasets.niceness)
    with Building(work, origins) as building:
        return building.run()


class Building:
    """Its coroutines run on an event loop of its own, between what Ray Data does."""

    def __init__(self, work: Work, origins: Mapping[str, Origin]) -> None:
        self._work = work
        self._origins = origins
        self._limits = work.settings.datasets
        self._runner = asyncio.Runner()
        self._database = Database(database_url(work.settings), work.settings.storage)
        self._folders = DatasetFolders(Home(work.settings.home))
        self._tally = Tally(self._limits)
        self._prints: dict[str, Fingerprint] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wait(self._database.close())
        self._runner.close()

    def run(self) -> Result:
        dataset = self._wait(self._dataset())
        recipe = Recipe.model_validate(dataset.recipe)
        with self._folders.building(dataset.organisation_id, dataset.id, f"{self._work.id}-{self._work.attempt}") as folder:
            blocks = self._wait(self._read(recipe, folder))
            with Texts(folder / "texts.jsonl") as texts:
                entries = self._examined(blocks, recipe, texts)
                self._refuse_wrong()
                return self._written(dataset, recipe, entries, texts, folder)

    async def _dataset(self) -> Dataset:
        async with self._database.session() as session:
            return await Datasets(session).get(self._work.organisation_id, uuid.UUID(self._work.spec["dataset"]))

    async def _read(self, recipe: Recipe, folder: Path) -> list[Path]:
        async with self._database.session() as session:
            gone = await erased(session, self._work.organisation_id)
        library = Library(self._database, self._work.settings, self._work.organisation_id)

        def told(count: int) -> None:
            self._work.progress(count, None, UNIT, "reading")

        blocks = await Reading(library, folder, self._tally, gone, told).read(recipe, self._origins)
        if not self._tally.total:
            raise Unprocessable("The sources hold no examples; give feedback, labels or lines first.")
        return blocks

    def _examined(self, blocks: list[Path], recipe: Recipe, texts: Texts) -> list[Entry]:
        how = How(recipe, self._work.settings.graphs.guard_depth, self._limits.niceness)
        entries = list[Entry]()
        done, total = self._tally.dropped.total(), self._tally.total
        self._work.progress(done, total, UNIT, "examining")
        if not blocks:
            return entries
        attach()
        for rows in examine(blocks, how, self._limits.worker_cpus):
            entries += [entry for row in rows if (entry := self._taken(row, texts)) is not None]
            done += len(rows)
            self._work.progress(done, total, UNIT, "examining")
        return entries

    def _taken(self, row: Mapping[str, Any], texts: Texts) -> Entry | None:
        found = json.loads(row["found"])
        self._tally.personal_data.update(found)
        self._tally.with_personal_data += bool(found)
        if row["reason"] is not None:
            self._tally.drop(row["reason"], row["place"], row["problem"] or "")
            return None
        self._prints.setdefault(row["asked"], Fingerprint(row["asked"], row["words"], tuple(row["signature"])))
        source = Source(kind=row["kind"], id=row["source_id"], user_id=row["user_id"])
        said = {name: row[name] for name in ("asked", "chosen", "rejected", "task", "question_chars", "answer_chars")}
        offset, length = texts.add(row["text"])
        return Entry(source=source, **said, offset=offset, length=length)

    def _refuse_wrong(self) -> None:
        wrong, most = self._tally.dropped["wrong_format"], self._limits.wrong_share
        if wrong > most * self._tally.total:
            first = next((f" The first is {one['place']}: {one['problem']}" for one in self._tally.wrong), "")
            raise Unprocessable(
                f"{wrong} of {self._tally.total} lines are in a wrong format, at most {most:.0%} may be (setting datasets.wrong_share)."
                f"{first}"
            )

    def _written(self, dataset: Dataset, recipe: Recipe, entries: list[Entry], texts: Texts, folder: Path) -> Result:
        self._work.progress(len(entries), self._tally.total, UNIT, "comparing")
        sifted = sift(entries, self._prints, recipe.options)
        self._tally.dropped.update(sifted.dropped)
        self._refuse_few(sifted, recipe)
        splits = split(sifted.clusters, recipe.options.held_out_share or self._limits.held_out_share)
        self._work.progress(len(sifted.kept), len(sifted.kept), UNIT, "writing")
        written = folder / "version"
        written.mkdir(mode=0o700)
        sha256 = write_splits(written, splits, texts, recipe.shape)
        sheet = datasheet(dataset.name, recipe, self._tally, sifted, splits, texts) | {"sha256": sha256}
        write_sheet(written, sheet)
        counts = {name: len(found) for name, found in splits.items()}
        sources = [entry.source for entry in sifted.kept] + sifted.merged
        self._work.check()
        version, new = self._wait(self._publish(dataset, written, {"sha256": sha256, "datasheet": sheet, **counts}, sources))
        self._work.log(
            f"version {version}, {'new' if new else 'which was there'}: {counts['train']} to train on, {counts['held_out']} held out"
        )
        return {"dataset": str(dataset.id), "version": version, "sha256": sha256, "new": new, **counts}

    def _refuse_few(self, sifted: Sifted, recipe: Recipe) -> None:
        kept, least = sifted.kept, self._limits.least_examples
        if len(kept) < least:
            raise Unprocessable(
                f"{len(kept)} of {self._tally.total} examples are left ({self._tally.why()}), at least {least} are needed "
                "(setting datasets.least_examples)."
            )
        if recipe.shape == "sft" and len({entry.chosen for entry in kept}) == 1:
            raise Unprocessable(
                f"All {len(kept)} examples have the same answer, which a model would learn to give to everything; add others."
            )

    async def _publish(self, dataset: Dataset, written: Path, values: dict[str, Any], sources: list[Source]) -> tuple[int, bool]:
        """The number of the version, and whether it is new. One with this content stays the version it is."""
        async with self._database.session() as session:
            await take_turns(session, dataset.organisation_id)
            datasets = Datasets(session)
            row = await datasets.get(dataset.organisation_id, dataset.id, lock=True)
            place = (row.organisation_id, row.id)
            found = await datasets.with_content(row, values["sha256"])
            version = found or await datasets.add_version(row, {"job_id": self._work.id, **values})
            if found is None:
                self._folders.publish(written, *place, version.sha256)
            elif found.erased_at is not None:
                await datasets.forget_sources(found)
            await datasets.add_sources(version, sources)
            await mark_new(session, version)
            self._folders.keep_only(*place, await datasets.hashes(row.id))
            return version.version, found is None

    def _wait(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        return self._runner.run(work)

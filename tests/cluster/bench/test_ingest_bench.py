"""What the ingest bench makes of documents, seconds, bytes and answers."""

from __future__ import annotations

from pathlib import Path

from cluster.bench import ingest
from cluster.bench.ingest import LANGCHAIN, LANGCHAIN_ENGINE, OURS, Ingested, Plan, Seen
from cluster.bench.papers import write_notes, write_papers
from cluster.bench.streams import Outcome
from cluster.bench.usage import ProcessUse
from cluster.bench.watching import UNSEEN, Peak, higher

MB = 2**20


def ingested(documents: int = 100, seconds: float = 10.0, job: int = 400) -> Ingested:
    stages = {"embed": 8.0, "parse": 2.0}
    return Ingested(documents, 4 * documents, seconds, stages, 12.0, Peak(job * MB, 2000 * MB))


def chat(ttft: float) -> Outcome:
    return Outcome(seconds=1.0, tokens=10, ttft_ms=(ttft,) * 20, gaps_ms=())


def summarised(ours: float = 10.0, large: int = 440, busy: float = 14.0, within: bool = True):
    compared = {OURS: [ingested(seconds=ours)], LANGCHAIN: [ingested(seconds=25.0)], LANGCHAIN_ENGINE: [ingested(seconds=20.0)]}
    seen = Seen(compared, [ingested(1000), ingested(20_000, 300.0, large)], chat(10.0), chat(busy), within)
    return ingest.summarise(Plan(), seen)


def test_ours_is_compared_with_both_pipelines():
    result = summarised()
    assert [verdict.met for verdict in result.verdicts] == [True, True, True, True]
    assert [verdict.measured for verdict in result.verdicts][:2] == ["2.50 times", "2.00 times"]
    rows = {(row[0], row[1]): dict(zip(result.columns, row, strict=True)) for row in result.rows}
    assert rows[OURS, 100]["documents/s"] == 10.0
    assert rows["Hearth, short notes", 20_000]["its processes, MB"] == 440.0
    assert any("embed 80%, parse 20%" in note for note in result.notes)
    assert result.plots[0].names == ("embed", "parse")


def test_what_is_slower_larger_or_later_is_said():
    assert [verdict.met for verdict in summarised(ours=24.0, large=600, busy=16.0).verdicts] == [False, False, False, False]


def test_chat_that_went_on_after_the_ingestion_is_no_figure():
    verdict = summarised(within=False).verdicts[-1]
    assert verdict.met is None
    assert "ended before" in verdict.measured


def test_the_peak_counts_what_an_ingestion_started_and_everything():
    uses = [
        ProcessUse(1, "pipelines.ingest", 0.0, 10 * MB),
        ProcessUse(2, "ray::MapWorker", 0.0, 5 * MB),
        ProcessUse(3, "raylet", 0.0, 100 * MB),
    ]
    assert higher(UNSEEN, uses) == Peak(15 * MB, 115 * MB)
    assert higher(Peak(20 * MB, 30 * MB), uses) == Peak(20 * MB, 115 * MB)


def test_papers_are_of_all_kinds_and_no_two_are_the_same(tmp_path: Path):
    papers = write_papers(tmp_path, 5)
    assert [path.suffix for path in papers] == [".txt", ".md", ".html", ".docx", ".pdf"]
    assert papers[4].read_bytes().startswith(b"%PDF")
    notes = [*write_notes(tmp_path, 3), *write_notes(tmp_path, 3, first=3)]
    assert len({path.read_text() for path in notes}) == len({path.name for path in notes}) == 6

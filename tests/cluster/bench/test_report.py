from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cluster.bench.machine import Machine, describe
from cluster.bench.report import BenchResult, Plot, Verdict, as_json, markdown, render, table, write
from cluster.fakes.nvml import FakeReader, p40s

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MACHINE = Machine("Some CPU", 2, 8 * 2**30, ("Tesla P40",), "Linux 6", "3.11.7", {"ray": "2.60.0"})
RESULT = BenchResult(
    name="serving",
    columns=("stack", "tokens/s", "errors"),
    rows=(("direct", 1234.5, 0), ("hearth | ours", 0.98765, None)),
    notes=("one note",),
    verdicts=(Verdict("a", ">= 1", "2", True), Verdict("b", ">= 1", "0", False), Verdict("c", ">= 1", "no card", None)),
    plots=(Plot("Throughput at real speed", "streams", "tokens/s", {"direct": ((1, 10.0), (4, 20.0))}, log_x=True),),
)


def test_a_report_is_written_as_markdown_json_and_pictures(tmp_path):
    folder = write(RESULT, MACHINE, tmp_path, AT)
    assert folder == tmp_path / "2026-05-04-serving"
    assert {path.name for path in folder.iterdir()} == {"report.md", "result.json", "throughput-at-real-speed.png"}
    assert (folder / "throughput-at-real-speed.png").read_bytes().startswith(b"\x89PNG")
    assert "![throughput-at-real-speed.png]" in (folder / "report.md").read_text()


def test_a_second_run_of_a_day_does_not_overwrite_the_first(tmp_path):
    first, second = (write(RESULT, MACHINE, tmp_path, AT) for _ in range(2))
    assert (first.name, second.name) == ("2026-05-04-serving", "2026-05-04-serving-2")


def test_the_report_names_the_machine_and_says_what_was_not_met():
    text = markdown(RESULT, MACHINE, AT)
    assert "Some CPU, 2 cores, 8.0 GiB RAM; Tesla P40." in text
    assert "| a | >= 1 | 2 | yes |" in text
    assert "| b | >= 1 | 0 | NO |" in text
    assert "| c | >= 1 | no card | not measured |" in text


def test_json_holds_rows_verdicts_and_machine():
    read = json.loads(as_json(RESULT, MACHINE, AT))
    assert read["rows"][0] == ["direct", 1234.5, 0]
    assert read["verdicts"][2]["met"] is None
    assert read["machine"]["cores"] == 2
    assert read["at"] == "2026-05-04T12:00:00+00:00"


def test_tables_align_numbers_and_escape_bars():
    assert table(RESULT.columns, RESULT.rows).splitlines() == [
        "| stack | tokens/s | errors |",
        "| --- | ---: | ---: |",
        "| direct | 1234 | 0 |",
        "| hearth \\| ours | 0.988 | n/a |",
    ]


@pytest.mark.parametrize(("cell", "text"), [(None, "n/a"), (True, "yes"), (0.0, "0"), (99.96, "100"), (12345.6, "12346"), ("a\nb", "a b")])
def test_cells_read_well(cell, text):
    assert render(cell) == text


def test_a_row_must_fit_its_columns():
    with pytest.raises(AssertionError, match="2 cells under 1 columns"):
        BenchResult("x", ("a",), ((1, 2),))


def test_this_machine_is_described_with_its_cards():
    machine = describe(FakeReader(p40s(2)))
    assert machine.gpus == ("Tesla P40", "Tesla P40")
    assert machine.cores >= 1
    assert "ray" in machine.versions

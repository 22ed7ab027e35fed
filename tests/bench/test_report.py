# SPDX-License-Identifier: Apache-2.0
"""The table of the day and the file of all runs."""

import json

from bench import report
from bench.rounds import Bench, Result


def run(rate, accept_rate=None):
    return Result(rate, accept_rate or rate, 10.0, 20.0, 0.1)


RESULTS = {
    "postfix-opendkim": [run(200.0), run(100.0), run(200.0)],
    "sqlite-accept": [run(600.0), run(250.0), run(500.0)],
    "sqlite-whole": [run(400.0, 450.0), run(200.0, 210.0), run(500.0, 550.0)],
}


def test_a_row_has_medians_spread_and_the_ratio_to_each_peer_that_ran():
    expected = "| casegate, SQLite, accept | 500 (250-600) |  | 10 (10-10) | 20 (20-20) |  | 2.50 (2.50-3.00) |  |"
    assert report.row("sqlite-accept", RESULTS) == expected


def test_the_whole_path_is_rated_by_its_own_end_and_not_by_the_last_250():
    expected = "| 450 (210-550) | 400 (200-500) | 10 (10-10) | 20 (20-20) |  | 2.00 (2.00-2.50) |  |"
    assert report.row("sqlite-whole", RESULTS).endswith(expected)


def test_the_markdown_names_the_commands_and_every_side(tmp_path):
    text = report.markdown(Bench(tmp_path, 2000, 20, False, 1), RESULTS, "python -m bench")
    assert all(report.MEANING[side] in text for side in RESULTS)
    assert "bench.load --port PORT" in text


def test_the_file_keeps_every_run(tmp_path):
    report.write_json(tmp_path / "results.json", Bench(tmp_path, 2000, 20, False, 1), RESULTS)
    stored = json.loads((tmp_path / "results.json").read_text())
    assert [one["rate"] for one in stored["runs"]["sqlite-accept"]] == [600.0, 250.0, 500.0]

"""How good pretend answers are: the draws, the words, and right and wrong answers that graders understand."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.places import ROOT, SHARED
from tui.grading import grade, grade_item, read_task_file
from tui.grading.task_files import task_item
from tui.model import Mark
from tui.simulator.behaviour import (
    JUDGE_NOISE,
    Behaviour,
    TaskQuality,
    how_good,
    is_right,
    quality_of,
    standard_normal,
    whole_score,
)
from tui.simulator.content import composed, tokens_of
from tui.simulator.known import TASK_WORDS, KnownItem, KnownItems, plain_pattern, read_known, task_of
from tui.simulator.known_answers import ANSWER_TEMPLATES, right_answer, wrong_answer
from tui.traffic.synthetic import TASKS, Synthetic

SHIPPED = ROOT / "profiles" / "tasks"
DATA = SHARED / "data" / "tasks"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="task files (../shared/data/tasks) are not here")

OWN: list[dict[str, Any]] = [
    {"match": "number", "expected": "1,250.50", "prompt": "What is due?"},
    {"match": "number", "expected": "-3", "prompt": "How cold?"},
    {"match": "number", "expected": "1/2", "prompt": "Which share?"},
    {"match": "number", "expected": "0.05", "prompt": "Which rate?"},
    {"match": "choice", "expected": "(b)", "prompt": "Which?\n(A) one\n(B) two\n(C) Two"},
    {"match": "choice", "expected": "C", "prompt": "Which one of A to D?"},
    {"match": "yesno", "expected": "true", "prompt": "Is it?"},
    {"match": "yesno", "expected": "No.", "prompt": "Is it not?"},
    {
        "match": "label",
        "expected": "late fee",
        "prompt": "Answer with exactly one label from: late fee; fee; tax.",
    },
    {"match": "label", "expected": "B", "prompt": "Label it.\nA. first\nB. second"},
    {"match": "label", "expected": "Yes", "prompt": "Label it."},
    {"match": "exact", "expected": "Marta Vogel", "prompt": "Who signed?"},
    {"match": "regex", "expected": r"^clause 7\.2$", "prompt": "Which clause?"},
    {"match": "regex", "expected": "(?i)late fee", "prompt": "Which fee?"},
    {"match": "json", "expected": {"paid": True, "days": [30, None], "to": "x"}, "prompt": "As JSON?"},
    {"match": "json", "expected": {}, "prompt": "As JSON, empty?"},
    {"match": "json", "expected": [], "prompt": "As a list, empty?"},
    {"match": "json", "expected": "1.5", "prompt": "As a JSON number?"},
]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def task_file(path: Path, *records: dict[str, Any]) -> Path:
    """A task file with these items."""
    lines = []
    for number, record in enumerate(records):
        messages = [{"role": "user", "content": record["prompt"]}]
        lines.append(json.dumps({"id": str(number), "messages": messages, **record}))
    path.write_text("\n".join(lines) + "\n")
    return path


def graded_as_meant(path: Path, *, all_wordings: bool) -> int:
    """Check right and wrong answers to every item, in one wording or in all; how many were checked."""
    known, _ = read_known([path])
    checked = 0
    for item, pretended in zip(read_task_file(path).items, known, strict=True):
        rng = random.Random(item.id)
        right = right_answer(pretended)
        if right is None:
            assert item.match == "reference"
            assert wrong_answer(pretended, rng) is None
            continue
        templates = ANSWER_TEMPLATES[pretended.kind]
        for wording in templates if all_wordings else rng.sample(templates, 1):
            said = wording.replace("{a}", right)
            assert grade_item(item, said).mark is Mark.RIGHT, (item.id, said)
            said = wording.replace("{a}", str(wrong_answer(pretended, rng)))
            assert grade_item(item, said).mark is Mark.WRONG, (item.id, said)
            checked += 2
    return checked


class TestRightAndWrong:
    def test_every_kind_is_graded_as_meant(self, tmp_path: Path) -> None:
        assert graded_as_meant(task_file(tmp_path / "own.jsonl", *OWN), all_wordings=True) > 100

    @pytest.mark.parametrize("name", ["contract_analysis", "email_triage"])
    def test_the_shipped_files_are_graded_as_meant(self, name: str) -> None:
        path = SHIPPED / f"{name}.jsonl"
        items = read_task_file(path).items
        assert {item.task for item in items} == {name}
        assert len(items) == {"contract_analysis": 40, "email_triage": 30}[name]
        assert len({item.messages[-1]["content"] for item in items}) == len(items)
        assert graded_as_meant(path, all_wordings=True) > 250

    @needs_data
    @pytest.mark.parametrize("path", sorted(DATA.glob("*.jsonl")), ids=lambda path: path.stem)
    def test_public_task_files_are_graded_as_meant(self, path: Path) -> None:
        graded_as_meant(path, all_wordings=False)

    @given(st.integers(-(10**9), 10**9), st.integers(0, 6), st.integers())
    def test_another_number_is_another_number(self, digits: int, decimals: int, seed: int) -> None:
        text = f"{digits / 10**decimals:.{decimals}f}"
        wrong = wrong_answer(KnownItem("", "", "", text, "number"), random.Random(seed))
        assert wrong is not None
        assert grade(f"The answer is {wrong}.", text, "number").mark is Mark.WRONG

    @given(
        st.text(max_size=40),
        st.sampled_from(["number", "choice", "yesno", "label", "exact", "regex"]),
        st.integers(),
    )
    def test_no_expected_answer_is_too_strange_for_a_wrong_one(self, text: str, kind: str, seed: int) -> None:
        wrong = wrong_answer(KnownItem("", "", "", text, kind), random.Random(seed))
        assert wrong
        assert wrong != text.strip()

    @given(JSON, st.integers())
    def test_other_json_is_other_json(self, value: object, seed: int) -> None:
        text = json.dumps(value)
        wrong = wrong_answer(KnownItem("", "", "", text, "json"), random.Random(seed))
        assert wrong is not None
        assert grade(wrong, text, "json").mark is Mark.WRONG

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ("late fee", "late fee"),
            (r"^\bnot anchored", None),
            (r"(?i)^net 30$", "net 30"),
            (r"\b7\.2\b", "7.2"),
            (r"\d+", None),
            ("a|b", None),
            ("", None),
        ],
    )
    def test_only_plain_patterns_have_an_answer(self, pattern: str, text: str | None) -> None:
        assert plain_pattern(pattern) == text


def shares(one: float, other: float, items: int = 20_000) -> tuple[float, float, float]:
    """Percent right of two deployments on the same items, and percent of the items where they differ."""
    rng = random.Random(5)
    pairs = []
    for number in range(items):
        difficulty = standard_normal(f"item {number}")
        pairs.append([is_right(TaskQuality("t", accuracy), difficulty, rng) for accuracy in (one, other)])
    right, others = (100 * fmean(pair[at] for pair in pairs) for at in (0, 1))
    return right, others, 100 * fmean(a != b for a, b in pairs)


class TestDraws:
    def test_pairs_are_right_as_often_as_said_and_discordant_as_real_ones(self) -> None:
        right, other, discordant = shares(90, 82)
        assert right == pytest.approx(90, abs=0.7)
        assert other == pytest.approx(82, abs=0.9)
        assert discordant == pytest.approx(16, abs=0.8)

    @pytest.mark.parametrize("accuracy", [0.0, 100.0])
    def test_never_and_always_mean_it(self, accuracy: float) -> None:
        assert shares(accuracy, accuracy, 500) == (accuracy, accuracy, 0.0)

    def test_the_accuracy_holds_over_the_items_of_a_small_file(self) -> None:
        items, _ = read_known([SHIPPED / "contract_analysis.jsonl"])
        known, rng = KnownItems(items), random.Random(1)
        for accuracy in (93.0, 80.0):
            quality = TaskQuality("t", accuracy)
            right = [is_right(quality, known.difficulty(item), rng) for item in items for _ in range(500)]
            assert 100 * fmean(right) == pytest.approx(accuracy, abs=0.8)

    @pytest.mark.parametrize(("mean", "spread"), [(4.4, 0.7), (4.2, 0.7), (4.6, 0.7), (3.1, 1.0), (1.5, 0.4)])
    def test_whole_scores_have_the_mean_that_is_said(self, mean: float, spread: float) -> None:
        quality, rng = TaskQuality("t", score_mean=mean, score_spread=spread), random.Random(2)
        scores = [
            whole_score(how_good(quality, standard_normal(str(n)), rng) + rng.gauss(0, JUDGE_NOISE))
            for n in range(20_000)
        ]
        assert fmean(scores) == pytest.approx(mean, abs=0.03)
        assert set(scores) <= {1, 2, 3, 4, 5}
        assert stdev(scores) == pytest.approx(spread, rel=0.35)

    @pytest.mark.parametrize("edge", [1.0, 5.0])
    def test_a_mean_at_the_edge_is_that_score_always(self, edge: float) -> None:
        quality = TaskQuality("t", score_mean=edge)
        assert {whole_score(how_good(quality, z, random.Random(1))) for z in (-3.0, 0.0, 3.0)} == {edge}

    @pytest.mark.parametrize(
        "wrong",
        [{"accuracy_pct": 101}, {"score_mean": 0.5}, {"score_spread": -1}, {"score_mean": float("nan")}],
    )
    def test_impossible_qualities_are_refused_by_name(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TaskQuality("t", **wrong)

    def test_the_first_task_with_a_quality_counts_then_the_one_for_every_task(self) -> None:
        own, any_ = TaskQuality("own"), TaskQuality("*")
        assert quality_of((any_, own), None, "own") is own
        assert quality_of((any_, own), "other", "own") is own
        assert quality_of((any_, own), "other") is any_
        assert quality_of((own,), "other", None) is None

    def test_a_behaviour_with_qualities_can_be_written_down(self) -> None:
        behaviour = Behaviour(quality=(TaskQuality("t"),))
        assert json.loads(json.dumps(asdict(behaviour)))["quality"][0]["task"] == "t"


class TestWords:
    @pytest.mark.parametrize("task", TASKS)
    def test_synthetic_prompts_are_told_by_their_words(self, task: str) -> None:
        made = Synthetic(random.Random(3), task=task)
        sized = Synthetic(random.Random(3), task=task, tokens="trace")
        for _ in range(50):
            instructions, question = (str(message["content"]) for message in made.make().messages)
            assert task_of(instructions, question) == task
            [alone] = sized.make(200, 20).messages
            assert task_of("", str(alone["content"])) == task

    @needs_data
    @pytest.mark.parametrize(
        ("name", "task"),
        [
            ("contract_cuad_yesno", "contract_analysis"),
            ("contract_nli_yesno", "contract_analysis"),
            ("email_intent_yesno", "email_triage"),
            ("dialogue_query_summary_qmsum", "dialogue_summarisation"),
            ("dialogue_summary_mts", "dialogue_summarisation"),
            ("dialogue_section_label_mts", "dialogue_classification"),
        ],
    )
    def test_public_tasks_are_told_by_their_words(self, name: str, task: str) -> None:
        for item in read_task_file(DATA / f"{name}.jsonl").items:
            *before, last = (str(message["content"]) for message in item.messages)
            assert task_of("\n".join(before), last) == task

    def test_no_words_are_no_task_and_all_words_are_lower_case(self) -> None:
        assert task_of("", "") is None
        assert task_of("Be brief.", "x" * 4_000 + "contract") is None
        assert all(word == word.lower() for words in TASK_WORDS.values() for word in words)

    @given(st.text())
    def test_tokens_are_the_text_in_short_pieces(self, text: str) -> None:
        pieces = tokens_of(text)
        assert "".join(pieces) == text
        assert all(len(piece.strip()) <= 8 for piece in pieces)

    @given(st.text(), st.floats(-2, 8), st.integers(0, 200), st.integers())
    def test_answers_have_the_length_that_was_drawn(
        self, text: str, good: float, tokens: int, seed: int
    ) -> None:
        pieces = composed(text, good, tokens, random.Random(seed))
        assert len(pieces) == tokens
        assert pieces == composed(text, good, tokens, random.Random(seed))

    def test_good_answers_tell_what_was_asked_about(self) -> None:
        rng = random.Random(4)
        made = Synthetic(rng, task="contract_analysis")
        told = {1: 0.0, 5: 0.0}
        for _ in range(50):
            question = str(made.make().messages[-1]["content"])
            for good in told:
                sentences = "".join(composed(question, good, 60, rng)).split(". ")[:-1]
                told[good] += fmean(sentence in question for sentence in sentences) / 50
        assert told[1] == 0
        assert told[5] > 0.7


class TestKnownItems:
    def test_items_with_the_same_question_are_told_apart_by_their_instructions(self) -> None:
        one = KnownItem("a", "Label it.", "The text.", "x", "label")
        other = KnownItem("b", "Sum it up.", "The text.", "y", "reference")
        known = KnownItems([one, other])
        assert known.find("Sum it up.", "The text.") is other
        assert known.find("Say anything.", "The text.") is one
        assert known.find("Label it.", "the text.") is None

    def test_files_are_read_with_what_is_wrong_in_them(self, tmp_path: Path) -> None:
        path = task_file(tmp_path / "own.jsonl", *OWN, {"match": "regex", "expected": "a+", "prompt": "?"})
        path.write_text(path.read_text() + "{\n")
        items, [note] = read_known([path])
        assert len(items) == len(OWN) + 1
        assert f"{len(items)} items, 1 of them without a right answer" in note
        assert f"1 bad lines, the first is line {len(items) + 1}" in note

    def test_files_that_are_of_no_use_are_refused_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"none\.jsonl: cannot be read"):
            read_known([tmp_path / "none.jsonl"])
        path = tmp_path / "bad.jsonl"
        path.write_text("{}\n")
        with pytest.raises(ValueError, match=r"bad\.jsonl: there is no item .*: line 1: match is missing"):
            read_known([path])

    def test_a_task_is_told_by_its_words_where_the_file_names_none(self, tmp_path: Path) -> None:
        path = task_file(
            tmp_path / "t.jsonl", {"match": "yesno", "expected": "Yes", "prompt": "Is this clause fair?"}
        )
        assert [item.task for item in read_known([path])[0]] == ["contract_analysis"]
        assert task_item(json.loads(path.read_text())).task is None

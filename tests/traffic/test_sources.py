"""Sources: what they give, in what shares, and what happens when a file is bad, quiet or gone."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.places import SHARED
from tui.model import Request
from tui.rollout.values import SourceSpec
from tui.traffic.arrivals import Arrival
from tui.traffic.sources import Sources
from tui.traffic.synthetic import CHARS_PER_TOKEN, Synthetic

DATA = SHARED / "data"
NOW = Arrival(0.0)

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="recorded samples (../shared/data) are not here")


def sources(*specs: SourceSpec, seed: int = 1, **more: Any) -> Sources:
    ids = itertools.count(1)
    known = {"contract_analysis", "email_summarisation"}
    return Sources(specs, rng=random.Random(seed), known_tasks=known, next_id=lambda: next(ids), **more)


def sampled(path: Path, **more: Any) -> SourceSpec:
    return SourceSpec("sampled", path=path, **{"loop": False, **more})


def drain(source: Sources) -> list[Request]:
    found = []
    while not source.ended:
        if (request := source.next(NOW)) is not None:
            found.append(request)
    return found


def chat(text: str, **more: Any) -> str:
    return json.dumps({"messages": [{"role": "user", "content": text}], **more})


def texts(requests: list[Request]) -> list[str]:
    return [request.messages[-1]["content"] for request in requests]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@needs_data
@pytest.mark.parametrize(
    ("name", "count", "bad"),
    [
        ("formats/azure_batch_input.jsonl", 2, 0),
        ("formats/langfuse_ingestion_batch.json", 1, 0),
        ("formats/litellm_standard_logging_payload.json", 1, 0),
        ("formats/openai_batch_responses.jsonl", 2, 0),
        ("formats/openai_evals_samples.jsonl", 3, 0),
        ("formats/openai_finetune_chat.jsonl", 2, 0),
        ("formats/openinference_span.json", 1, 0),
        ("formats/otel_genai_span.json", 1, 0),
        ("formats/tensorzero_datapoints.jsonl", 0, 2),
        ("tasks/contract_cuad_yesno.jsonl", 107, 0),
        ("tasks/dialogue_full_meeting_qmsum.jsonl", 11, 0),
    ],
)
def test_recorded_files_give_all_they_have(name: str, count: int, bad: int) -> None:
    source = sources(sampled(DATA / name))
    assert [request.id for request in drain(source)] == list(range(1, count + 1))
    [view] = source.views()
    assert (view.given, view.bad_lines, view.ended) == (count, bad, True)


@needs_data
@pytest.mark.parametrize("path", sorted((DATA / "formats").glob("*.json*")), ids=lambda path: path.name)
def test_a_file_written_over_several_lines_or_as_an_array_gives_the_same(path: Path, tmp_path: Path) -> None:
    values = [json.loads(line) for line in path.read_text().splitlines()]
    expected = [request.messages for request in drain(sources(sampled(path)))]
    for indent in (None, 2):
        copy = tmp_path / f"array{indent}.json"
        copy.write_text(json.dumps(values, indent=indent))
        assert [request.messages for request in drain(sources(sampled(copy)))] == expected
    pretty = write(tmp_path / "pretty.json", *(json.dumps(value, indent=2) for value in values))
    assert [request.messages for request in drain(sources(sampled(pretty)))] == expected


def test_requests_say_where_they_come_from_and_what_for(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        chat("a", task="contract_analysis", expected="x"),
        "",
        chat("b", task="other", temperature=0.5, max_tokens=3),
    )
    first, second = drain(sources(sampled(path)))
    assert (first.source, first.task, first.expected) == ("r.jsonl:1", "contract_analysis", "x")
    assert (second.source, second.task, second.max_tokens) == ("r.jsonl:3", "default", 3)
    assert second.params == {"temperature": 0.5}
    [named, _] = drain(sources(sampled(path, task="email_summarisation")))
    assert named.task == "email_summarisation"


def test_bad_lines_are_counted_named_and_made_harmless(tmp_path: Path) -> None:
    bad = ["{oops", "[]", '{"messages": [{"role": "\\u001b[31m", "content": "x"}]}', "\udcff"]
    path = tmp_path / "r.jsonl"
    lines = [chat("a"), *bad, chat("b"), *["nope"] * 60]
    path.write_text("\n".join(lines), errors="surrogateescape")
    source = sources(sampled(path))
    assert texts(drain(source)) == ["a", "b"]
    [view] = source.views()
    assert view.bad_lines == 64
    assert view.last_bad == "line 66: the line is not JSON: Expecting value at character 1"
    kept = source.bad_lines(0)
    assert len(kept) == 50
    assert kept[-1].line == 66
    path.write_text("\n".join([chat("a"), *bad]), errors="surrogateescape")
    source = sources(sampled(path))
    drain(source)
    reasons = [line.reason for line in source.bad_lines(0)]
    assert reasons[2] == "messages[0] has the role \\x1b[31m"
    assert reasons[3] == "the line is not UTF-8 (byte 1)"


@given(st.lists(st.one_of(st.text(max_size=30), st.just(chat("ok"))), max_size=20))
def test_every_line_is_a_request_or_a_bad_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "r.jsonl"
    content = "\n".join([chat("first"), *lines]).encode(errors="replace")
    path.write_bytes(content)
    source = sources(sampled(path))
    given_count = len(drain(source))
    assert given_count + source.views()[0].bad_lines == sum(1 for line in content.split(b"\n") if line.strip())


def test_a_sample_is_the_share_it_says_and_the_same_each_time(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", *(chat(str(n)) for n in range(20_000)))
    found = texts(drain(sources(sampled(path, sample_pct=5.0))))
    assert 900 < len(found) < 1100
    assert found == texts(drain(sources(sampled(path, sample_pct=5.0))))
    assert found != texts(drain(sources(sampled(path, sample_pct=5.0), seed=2)))


def test_a_sample_of_a_document_is_drawn_per_request(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps([json.loads(chat(str(n))) for n in range(2000)], indent=1))
    found = drain(sources(sampled(path, sample_pct=10.0)))
    assert 150 < len(found) < 250
    assert found[0].source.startswith("r.json#")


def test_rows_of_calls_are_joined_across_lines_and_in_arrays(tmp_path: Path) -> None:
    rows = [
        {"CorrelationId": str(n), "SequenceNumber": part, "RequestMessages": text}
        for n in range(40)
        for part, text in ((2, '"user","content":"q"}]'), (0, ""), (1, '[{"role":'))
    ]
    for path in (write(tmp_path / "r.jsonl", *map(json.dumps, rows)), tmp_path / "r.json"):
        if not path.exists():
            path.write_text(json.dumps(rows, indent=1))
        assert texts(drain(sources(sampled(path)))) == ["q"] * 40


def test_a_loop_goes_round_and_counts_bad_lines_once(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", chat("a"), "bad", chat("b"))
    source = sources(sampled(path, loop=True))
    found = [source.next(NOW) for _ in range(5)]
    assert texts([request for request in found if request]) == ["a", "b", "a", "b", "a"]
    assert source.views()[0].bad_lines == 1
    assert not source.ended
    source.close()


def test_a_loop_over_nothing_usable_ends_with_a_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", '{"x": 1}', "bad")
    source = sources(sampled(path, loop=True))
    assert drain(source) == []
    error = source.views()[0].error
    assert error is not None
    assert error.startswith("no usable request in the file; known formats are batch")
    assert source.bad_lines(0)[0].reason == "format not recognised; fields: x"


def test_a_source_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", chat("a"), chat("b"))
    source = sources(sampled(tmp_path / "gone.jsonl"), sampled(path), sampled(tmp_path))
    assert texts(drain(source)) == ["a", "b"]
    assert [view.error for view in source.views()] == ["No such file or directory", None, "not a regular file"]


def test_a_document_too_large_or_broken_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.json"
    path.write_text("[\n" + chat("a") + "\n" + chat("b") + "\n]")
    error = sources(sampled(path)).views()[0].error
    assert error == "not JSON: Expecting ',' delimiter in line 3, column 1"
    monkeypatch.setattr("tui.traffic.documents.MAX_DOCUMENT_BYTES", 10)
    error = sources(sampled(path)).views()[0].error
    assert error is not None
    assert "convert it to JSON lines" in error


def test_a_followed_log_is_quiet_grows_and_rotates(tmp_path: Path) -> None:
    path, notes = tmp_path / "r.jsonl", list[str]()
    source = sources(sampled(path, follow=True), on_note=notes.append)
    assert source.next(NOW) is None
    assert source.views()[0].error == "No such file or directory"
    write(path, chat("a"))
    assert texts([source.next(NOW) or pytest.fail("nothing came")]) == ["a"]
    assert source.next(NOW) is None
    assert source.views()[0].error is None
    path.rename(tmp_path / "r.jsonl.1")
    write(path, chat("b"))
    request = source.next(NOW)
    assert request is not None
    assert texts([request]) == ["b"]
    assert not source.ended
    assert ["cannot" in notes[0], "again" in notes[1], "rotated" in notes[2]] == [True] * 3
    source.close()


def test_shares_are_kept_and_a_quiet_source_leaves_its_share_to_the_others(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", chat("1")), write(tmp_path / "two", chat("2"))
    quiet = tmp_path / "quiet"
    quiet.touch()
    source = sources(
        sampled(one, share=30, loop=True),
        sampled(two, share=10, loop=True),
        sampled(quiet, share=60, follow=True),
        sampled(one, share=0, loop=True),
    )
    given_texts = Counter(texts([request for _ in range(4000) if (request := source.next(NOW))]))
    assert sum(given_texts.values()) == 4000
    assert 2850 < given_texts["1"] < 3150
    assert source.views()[3].given == 0
    source.close()


def test_personal_data_is_taken_out_unless_told_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", chat("I am bob@example.com"))
    assert texts(drain(sources(sampled(path)))) == ["I am [email]"]
    assert texts(drain(sources(sampled(path, redact=False)))) == ["I am bob@example.com"]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format 'csv' is not known; known are batch"):
        sources(sampled(tmp_path / "x", format="csv"))


def test_prompts_of_a_file_never_end(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", chat("a"), chat("b"))
    source = sources(SourceSpec("synthetic", prompts=path))
    assert texts([request for _ in range(5) if (request := source.next(NOW))]) == ["a", "b", "a", "b", "a"]
    assert source.views()[0].kind == "synthetic"
    source.close()


def test_templates_vary_and_are_the_same_for_the_same_generator() -> None:
    found = [Synthetic(random.Random(5)).make() for _ in range(2)]
    assert found[0] == found[1]
    synthetic = Synthetic(random.Random(5))
    requests = [synthetic.make() for _ in range(400)]
    sizes = sorted(sum(len(message["content"]) for message in request.messages) for request in requests)
    assert len({str(request.messages) for request in requests}) == 400
    assert sizes[-1] > 4 * sizes[200] > 8 * sizes[0]
    assert 120 < Counter(request.task for request in requests)["contract_analysis"] < 280
    assert not any("{" in str(message["content"]) for request in requests for message in request.messages)


def test_a_source_of_templates_can_have_one_task() -> None:
    source = sources(SourceSpec("synthetic", task="contract_analysis"))
    assert {request.task for _ in range(20) if (request := source.next(NOW))} == {"contract_analysis"}


@pytest.mark.parametrize("tokens", [0, 1, 50, 4808, 20_000])
def test_token_counts_of_a_trace_make_the_size_of_the_prompt(tokens: int) -> None:
    source = sources(SourceSpec("synthetic", tokens="trace"))
    arrival = Arrival(0.0, tokens, 44)
    requests = [request for _ in range(3) if (request := source.next(arrival))]
    assert {len(text) for text in texts(requests)} == {max(1, tokens * CHARS_PER_TOKEN)}
    assert {request.max_tokens for request in requests} == {44}
    if tokens > 4:
        assert len({text[:20] for text in texts(requests)}) == 3, "a shared beginning would be cached"


def test_without_token_counts_a_trace_prompt_is_a_natural_one() -> None:
    request = sources(SourceSpec("synthetic", tokens="trace")).next(NOW)
    assert request is not None
    assert (len(request.messages), request.max_tokens) == (2, None)

"""The snapshot of model lifecycles, and what ARM makes of it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lifecycle_values import (
    HOSTILE,
    RETIRES,
    SOL,
    TODAY,
    dates,
    maybe_dates,
    offered,
    offered_models,
    words,
)
from tui.lifecycle.dates import (
    NOTHING_KNOWN,
    by_date,
    differences,
    lifecycle_of,
    named,
    phase_of,
    replacement_doubt,
)
from tui.lifecycle.table import EVERY_VERSION, LifecycleError, LifecycleTable, load_lifecycle
from tui.model import Lifecycle, ModelSku, OfferedModel, Phase, Replacement

BUNDLED = load_lifecycle()


def own(folder: Path, text: str, head: str = 'source = "mine"\nas_of = 2026-11-20\n') -> LifecycleTable:
    path = folder / "own.toml"
    path.write_text(head + text, encoding="utf-8")
    return load_lifecycle(path)


def known(model: str, version: str, table: LifecycleTable = BUNDLED, today: date = TODAY) -> Lifecycle:
    return lifecycle_of(model, version, None, None, table, today)


# Microsoft Learn's schedule of 2026-09-02 for phase and replacement, litellm 1.109.1 for the date.
@pytest.mark.parametrize(
    ("model", "version", "phase", "retires", "replacement"),
    [
        ("gpt-4o", "2024-05-13", "deprecated", "2026-12-09", "gpt-5.6-sol 2026-07-09"),
        ("gpt-4o", "2024-08-06", "deprecated", "2027-04-14", "gpt-5.1 2025-11-13"),
        ("gpt-4o", "2024-11-20", "legacy", "2027-04-14", "gpt-5.1 2025-11-13"),
        ("gpt-4o-mini", "2024-07-18", "deprecated", "2027-04-14", ""),
        ("gpt-4.1", "2025-04-14", "legacy", "2027-04-14", ""),
        ("gpt-4.1-mini", "2025-04-14", "legacy", "2027-04-14", ""),
        ("gpt-4.1-nano", "2025-04-14", "legacy", "2027-04-14", ""),
        ("gpt-5", "2025-08-07", "generally available", "2027-02-09", ""),
        ("gpt-5-mini", "2025-08-07", "generally available", "2027-02-09", ""),
        ("gpt-5-nano", "2025-08-07", "generally available", "2027-02-09", ""),
        ("gpt-5-codex", "2025-09-15", "generally available", "2027-03-17", ""),
        ("gpt-5-pro", "2025-10-06", "generally available", "2027-04-07", ""),
        ("gpt-5-chat", "2025-08-07", "retired", "2026-06-29", "gpt-chat-latest"),
        ("gpt-5.3-chat", "any", "retired", "2026-06-29", "gpt-chat-latest"),
        ("gpt-5.1", "2025-11-13", "generally available", "2027-05-15", ""),
        ("gpt-5.2", "2025-12-11", "generally available", "2027-06-08", ""),
        ("gpt-5.4", "2026-03-05", "generally available", "2027-09-02", ""),
        ("gpt-5.4-mini", "2026-03-17", "generally available", "2027-09-21", ""),
        ("gpt-5.4-nano", "2026-03-17", "generally available", "2027-09-21", ""),
        ("gpt-5.5", "2026-04-24", "generally available", "2027-10-26", ""),
        ("gpt-5.6-sol", "2026-07-09", "generally available", "2028-01-11", ""),
        ("gpt-5.6-terra", "2026-07-09", "generally available", "2028-01-11", ""),
        ("gpt-5.6-luna", "2026-07-09", "generally available", "2028-01-11", ""),
        ("gpt-6-sol", "2026-09-22", "unknown", "2028-03-11", ""),
        ("gpt-6-luna", "2026-09-22", "unknown", "2028-03-11", ""),
        ("o1", "2024-12-17", "deprecated", "2026-11-19", "gpt-5.6-sol 2026-07-09"),
        ("o3", "2025-04-16", "generally available", "2026-11-19", "gpt-5.6-sol 2026-07-09"),
        ("o3-mini", "2025-01-31", "deprecated", "2026-11-19", "o4-mini 2025-04-16"),
        ("o4-mini", "2025-04-16", "deprecated", "2026-11-19", ""),
        ("o3-pro", "2025-06-10", "generally available", "2026-11-19", ""),
    ],
)
def test_the_bundled_snapshot(model: str, version: str, phase: str, retires: str, replacement: str) -> None:
    before_all = date(2026, 1, 1)
    found = known(model, version, today=before_all)
    assert (found.phase.value, str(found.retires)) == (phase, retires)
    assert ("" if found.replacement is None else named(found.replacement)) == replacement
    assert found.tentative is None
    assert "2026-11-16" in found.source


def test_what_the_snapshot_leaves_out_is_unknown() -> None:
    found = known("gpt-4o", "2099-01-01")
    assert (found.phase, found.retires, found.source) == (Phase.UNKNOWN, None, NOTHING_KNOWN)
    assert known("", "").phase is Phase.UNKNOWN


def test_case_does_not_matter() -> None:
    assert known("GPT-4o", "2024-11-20").retires == RETIRES


def test_the_snapshot_knows_its_age() -> None:
    [source] = BUNDLED.sources
    assert source.age_days(date(2026, 11, 16)) == 0
    assert source.age_days(date(2026, 12, 16)) == 30
    assert source.age_days(date(2026, 1, 1)) == 0
    assert "litellm 1.109.1" in source.text
    assert "Microsoft Learn" in source.text


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("Preview", Phase.PREVIEW),
        ("Stable", Phase.GENERALLY_AVAILABLE),
        ("GenerallyAvailable", Phase.GENERALLY_AVAILABLE),
        ("generally-available", Phase.GENERALLY_AVAILABLE),
        ("Legacy", Phase.LEGACY),
        ("Deprecating", Phase.DEPRECATED),
        ("Deprecated", Phase.RETIRED),
        ("deprecated ", Phase.RETIRED),
        ("Sunsetting", Phase.UNKNOWN),
        ("", Phase.UNKNOWN),
        (None, Phase.UNKNOWN),
    ],
)
def test_the_words_of_the_api_are_not_those_of_the_documents(word: str | None, phase: Phase) -> None:
    assert phase_of(word, None, TODAY) is phase
    assert phase_of(word, TODAY, TODAY) is phase
    assert phase_of(word, TODAY - timedelta(1), TODAY) is Phase.RETIRED


@settings(deadline=None)
@given(st.none() | words, maybe_dates, dates)
def test_any_word_and_date_have_a_phase(word: str | None, retires: date | None, today: date) -> None:
    phase = phase_of(word, retires, today)
    if retires is not None and retires < today:
        assert phase is Phase.RETIRED


def test_arm_wins_over_the_snapshot_and_the_difference_is_said() -> None:
    arm = offered("Deprecating", date(2027, 1, 1), tentative=True, replacement=SOL)
    found = lifecycle_of("gpt-4o", "2024-11-20", None, arm, BUNDLED, TODAY)
    assert (found.phase, found.retires, found.tentative) == (Phase.DEPRECATED, date(2027, 1, 1), True)
    assert found.replacement == SOL
    assert (found.source, found.as_of) == ("ARM", TODAY)
    said = "\n".join(differences("gpt-4o", "2024-11-20", None, arm, BUNDLED, TODAY))
    assert "2027-01-01 by ARM, 2027-04-14 by the snapshot of 2026-11-16" in said
    assert "deprecated by ARM, legacy by the snapshot" in said
    assert "gpt-5.6-sol 2026-07-09 by ARM, gpt-5.1 2025-11-13 by the snapshot" in said


def test_where_arm_and_the_snapshot_agree_nothing_is_said() -> None:
    arm = offered("Legacy", RETIRES, replacement=Replacement("GPT-5.1", "2025-11-13"))
    assert differences("gpt-4o", "2024-11-20", None, arm, BUNDLED, TODAY) == ()


def test_the_date_of_the_sku_goes_before_that_of_the_model() -> None:
    arm = offered(skus=[ModelSku("Standard", retires=date(2027, 1, 2)), ModelSku("GlobalStandard")])
    standard = lifecycle_of("gpt-4o", "2024-11-20", "standard", arm, BUNDLED, TODAY)
    assert standard.retires == date(2027, 1, 2)
    assert lifecycle_of("gpt-4o", "2024-11-20", "GlobalStandard", arm, BUNDLED, TODAY).retires == RETIRES
    said = differences("gpt-4o", "2024-11-20", "Standard", arm, BUNDLED, TODAY)
    assert any("Standard retires on 2027-01-02, the model on 2027-04-14" in line for line in said)


def test_a_sku_may_be_retired_while_the_model_lives() -> None:
    arm = offered(skus=[ModelSku("Standard", retires=date(2026, 11, 1))])
    assert lifecycle_of("gpt-4o", "2024-11-20", "Standard", arm, BUNDLED, TODAY).phase is Phase.RETIRED
    assert lifecycle_of("gpt-4o", "2024-11-20", None, arm, BUNDLED, TODAY).phase is Phase.GENERALLY_AVAILABLE


def test_what_arm_leaves_out_comes_from_the_snapshot_and_is_said() -> None:
    found = lifecycle_of("gpt-4o", "2024-11-20", None, offered("Legacy", None), BUNDLED, TODAY)
    assert (found.retires, found.as_of) == (RETIRES, date(2026, 11, 16))
    assert "ARM" in found.source
    assert "date: snapshot of 2026-11-16" in found.source
    dated = lifecycle_of("gpt-4o", "2024-11-20", None, offered(None, date(2027, 6, 1)), BUNDLED, TODAY)
    assert (dated.phase, dated.retires) == (Phase.LEGACY, date(2027, 6, 1))
    assert "phase: snapshot" in dated.source


def test_a_date_beyond_2099_12_31_is_none() -> None:
    found = lifecycle_of("own", "1", None, offered("Preview", date(2099, 12, 31)), BUNDLED, TODAY)
    assert (found.phase, found.retires) == (Phase.PREVIEW, None)


def test_a_past_date_of_the_snapshot_does_not_retire_what_arm_still_offers() -> None:
    arm = OfferedModel("o3", "2025-04-16", status="Deprecating")
    found = lifecycle_of("o3", "2025-04-16", None, arm, BUNDLED, TODAY)
    assert (found.phase, found.retires) == (Phase.DEPRECATED, None)
    assert any("none by ARM, 2026-11-19 by the snapshot" in line
               for line in differences("o3", "2025-04-16", None, arm, BUNDLED, TODAY))  # fmt: skip


def test_a_later_date_of_arm_revives_what_the_snapshot_has_retired() -> None:
    arm = OfferedModel("o3", "2025-04-16", retires=date(2027, 2, 1))
    found = lifecycle_of("o3", "2025-04-16", None, arm, BUNDLED, TODAY)
    assert (found.phase, found.retires) == (Phase.GENERALLY_AVAILABLE, date(2027, 2, 1))


def test_an_unknown_word_is_shown_as_it_is_and_harmless() -> None:
    found = lifecycle_of("gpt-4o", "2024-11-20", None, offered(HOSTILE), BUNDLED, TODAY)
    assert found.phase is Phase.UNKNOWN
    assert "\\x1b[31m" in found.source
    assert found.source.isprintable()
    assert len(found.source) < 200


def test_an_arm_that_says_nothing_leaves_the_snapshot() -> None:
    silent = OfferedModel("gpt-4o", "2024-11-20")
    assert lifecycle_of("gpt-4o", "2024-11-20", "Standard", silent, BUNDLED, TODAY) == known(
        "gpt-4o", "2024-11-20"
    )


def test_a_replacement_that_ends_no_later_is_doubted() -> None:
    doubt = replacement_doubt(known("o3-mini", "2025-01-31"), BUNDLED)
    assert doubt is not None
    assert "o4-mini 2025-04-16, retires on 2026-11-19 itself" in doubt
    assert replacement_doubt(known("gpt-4o", "2024-05-13"), BUNDLED) is None
    assert replacement_doubt(known("gpt-5", "2025-08-07"), BUNDLED) is None
    assert replacement_doubt(known("gpt-5-chat", "x"), BUNDLED) is None


def test_the_sources_of_the_snapshot_that_disagree_are_named() -> None:
    [line] = differences("o3-pro", "2025-06-10", None, None, BUNDLED, TODAY)
    assert "2026-11-19 by the snapshot" in line
    assert "2026-12-17 by Microsoft Learn" in line
    assert differences("gpt-5", "2025-08-07", None, None, BUNDLED, TODAY) == ()
    assert differences("no", "such", None, None, BUNDLED, TODAY) == ()


def test_the_list_is_in_order_of_the_dates() -> None:
    rows = [found for found, _ in by_date(BUNDLED, TODAY)]
    assert len(rows) == len(BUNDLED.entries) == 32
    days = [row.retires for row in rows if row.retires is not None]
    assert days == sorted(days)
    assert {row.phase for row in rows if row.retires and row.retires < TODAY} == {Phase.RETIRED}


@settings(deadline=None)
@given(words, words, st.none() | words | st.just("GlobalStandard"), st.none() | offered_models, dates)
def test_whatever_arm_says_a_lifecycle_comes_of_it(
    model: str, version: str, sku: str | None, arm: OfferedModel | None, today: date
) -> None:
    for name, of in ((model, version), ("o3", "2025-04-16")):
        found = lifecycle_of(name, of, sku, arm, BUNDLED, today)
        said = (found.source, *differences(name, of, sku, arm, BUNDLED, today))
        assert all(text.isprintable() and len(text) < 1000 for text in said)
        if found.phase is not Phase.RETIRED and found.retires is not None:
            assert found.retires >= today


# --- files of one's own -----------------------------------------------------------------------------------


def test_a_file_of_ones_own_overrides_entries(tmp_path: Path) -> None:
    table = own(
        tmp_path,
        """[[version]]
models = ["gpt-4o"]
versions = ["2024-11-20"]
retires = 2027-07-01
tentative = true
replacement = { model = "house-model" }
[[version]]
models = ["house-model"]
phase = "preview"
""",
    )
    found = known("gpt-4o", "2024-11-20", table)
    assert (found.retires, found.tentative, found.phase) == (date(2027, 7, 1), True, Phase.UNKNOWN)
    assert found.replacement is not None
    assert named(found.replacement) == "house-model"
    assert "2026-11-20" in found.source
    assert known("gpt-4o", "2024-08-06", table) == known("gpt-4o", "2024-08-06")
    assert known("house-model", "7", table).phase is Phase.PREVIEW
    assert (len(table.sources), table.sources[0].text) == (2, "mine")


def test_an_entry_for_every_version_overrides_those_of_single_ones(tmp_path: Path) -> None:
    table = own(tmp_path, '[[version]]\nmodels = ["GPT-4o"]\nretires = 2028-01-01\n')
    assert known("gpt-4o", "2024-05-13", table).retires == date(2028, 1, 1)
    assert [e.version for e in table.entries if e.model.lower() == "gpt-4o"] == [EVERY_VERSION]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[version]]\nmodels = []\n", "version[1].models"),
        ('[[version]]\nmodels = ["a", "b c"]\n', "version[1].models[2]"),
        ('[[version]]\nmodels = ["a"]\nphase = "Deprecating"\n', "version[1].phase"),
        ('[[version]]\nmodels = ["a"]\nretires = "2027-01-01"\n', "version[1].retires"),
        ('[[version]]\nmodels = ["a"]\nretires = 2027-01-01T00:00:00Z\n', "version[1].retires"),
        ('[[version]]\nmodels = ["a"]\ntentative = "yes"\n', "version[1].tentative"),
        ('[[version]]\nmodels = ["a"]\nreplacement = { version = "1" }\n', "version[1].replacement.model"),
        ('[[version]]\nmodels = ["a"]\nelsewhere = [{ source = "x" }]\n', "version[1].elsewhere[1].retires"),
        ('[[version]]\nmodels = ["a"]\nretirs = 2027-01-01\n', "version[1].retirs"),
        ('[[version]]\nmodels = ["a", "A"]\n', "is there twice"),
        ("version = 7\n", "version"),
        ("x = ", "not valid TOML"),
        ("", "version"),
    ],
)
def test_a_broken_file_names_itself_and_the_field(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        own(tmp_path, text)
    assert said in str(caught.value)
    assert str(tmp_path / "own.toml") in str(caught.value)


def test_a_file_without_source_or_date_is_refused(tmp_path: Path) -> None:
    for head in ("", 'source = "mine"\n', "as_of = 2026-01-01\n"):
        with pytest.raises(LifecycleError, match=r"source|as_of"):
            own(tmp_path, '[[version]]\nmodels = ["a"]\n', head)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LifecycleError, match="No such file"):
        load_lifecycle(tmp_path / "none.toml")

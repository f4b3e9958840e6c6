"""What names of meters say, and what they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.control_plane.listed_price import (
    ListedPrice,
    NotListed,
    Tokens,
    listed_price,
    model_words,
    of_version,
    read_name,
    version_words,
)
from tui.control_plane.retail_prices import TokenMeter
from tui.model import BilledMeter


# Names as they were seen in the list (Retail Prices API, service Foundry Models, 2026).
@pytest.mark.parametrize(
    ("name", "model", "version", "tokens", "scope"),
    [
        ("gpt 4o 1120 cached Inp glbl Tokens", "gpt-4o", "2024-11-20", "cached input", "global"),
        ("gpt-4o-0806-Outp-regnl", "gpt-4o", "2024-08-06", "output", "regional"),
        ("gpt 4o 0806 Inp Data Zone", "gpt-4o", "2024-08-06", "input", "data zone"),
        ("gpt 4o 0513 Output global Tokens", "gpt-4o", "2024-05-13", "output", "global"),
        ("gpt-4o-mini-0718-Inp-glbl Tokens", "gpt-4o-mini", "2024-07-18", "input", "global"),
        ("o3 mini 0131 cached input glbl", "o3-mini", "2025-01-31", "cached input", "global"),
        ("o4-mini 0416 Outp glbl Tokens", "o4-mini", "2025-04-16", "output", "global"),
        ("chat-latest 05052026 cd inp Gl 1M Tokens", "gpt-chat-latest", "2026-05-05", "cached input", "global"),
    ],
)
def test_a_name_with_a_version(name: str, model: str, version: str, tokens: str, scope: str) -> None:
    read = read_name(name)
    assert read is not None
    assert (read.tokens, read.scope) == (tokens, scope)
    assert of_version(read, model, version) is True
    assert of_version(read, model, "2023-01-02") is False
    assert of_version(read, f"{model}-nano", version) is False


@pytest.mark.parametrize(
    ("name", "model", "tokens", "scope"),
    [
        ("GPT 5 Mini cchd Inpt Glbl 1M Tokens", "gpt-5-mini", "cached input", "global"),
        ("GPT 5 outpt Glbl 1M Tokens", "gpt-5", "output", "global"),
        ("5.4 mini cd Inp Gl 1M", "gpt-5.4-mini", "cached input", "global"),
        ("GPT 5.1 opt Dz", "gpt-5.1", "output", "data zone"),
        ("gpt 5 pro out glbl Tokens", "gpt-5-pro", "output", "global"),
        ("gpt-5-codex-ccchd-inp-glbl Tokens", "gpt-5-codex", "cached input", "global"),
        ("5.5 ShortCo inp Gl 1M Tokens", "gpt-5.5", "input", "global"),
        ("gpt 4.1 Inp regnl Tokens", "gpt-4.1", "input", "regional"),
        ("gpt 4.1 Inp", "gpt-4.1", "input", None),
    ],
)
def test_a_name_without_a_version(name: str, model: str, tokens: str, scope: str | None) -> None:
    read = read_name(name)
    assert read is not None
    assert (read.tokens, read.scope) == (tokens, scope)
    assert of_version(read, model, "2025-01-01") is None


@pytest.mark.parametrize(
    "name",
    [
        "gpt 4.1 Batch Inp glbl Tokens",
        "5.1 pp inp Gl 1M Tokens",
        "4.1 ft inp Dz",
        "gpt 4o 1120 Batch cached Inp glbl",
        "5.6 sol LongCo inp Gl 1M Tokens",
        "GPT 5.1 inp Gl L",
        "gpt-4o-1120-aud-inp-glbl",
        "5.6 sol short context cache writes input Global",
        "5.1 chat inp Gl",
    ],
)
def test_a_word_that_is_not_known_makes_it_the_name_of_nothing(name: str) -> None:
    read = read_name(name)
    assert read is not None
    for model in ("gpt-4o", "gpt-4.1", "gpt-5.1", "gpt-5.6-sol"):
        assert of_version(read, model, "2024-11-20") is False


@pytest.mark.parametrize(
    "name",
    ["", "gpt 4o glbl", "gpt 4o Inp Outp glbl", "gpt 4o Inp glbl regnl", "gpt 4o cd opt Gl", "gpt 4o cd wr Gl",
     "gpt 4o Inp glbl (new)", "gpt\u202e4o Inp", "Provisioned Managed Global"],
)  # fmt: skip
def test_what_does_not_say_one_thing_says_nothing(name: str) -> None:
    assert read_name(name) is None


def test_the_words_of_versions() -> None:
    assert version_words("2024-11-20") == {"1120", "20241120", "11202024"}
    assert version_words("0613") == {"0613"}
    assert version_words("turbo-2024-04-09") == frozenset()
    assert model_words("gpt-4.1-nano") == ("4.1", "nano")


@given(st.text(max_size=60))
def test_any_text_may_come_as_a_name(name: str) -> None:
    read = read_name(name)
    if read is not None:
        assert read.tokens in Tokens
        assert of_version(read, name, name) in (True, False, None)


def meter(name: str, usd: float, product: str = "Azure OpenAI", id_: str = "") -> TokenMeter:
    return TokenMeter(id_ or name, name, product, usd)


BOTH = [meter("gpt 4o 1120 Inp glbl", 2.5), meter("gpt 4o 1120 Outp glbl", 10.0)]


def listed(meters: list[TokenMeter], *, billed: list[BilledMeter] | None = None) -> ListedPrice:
    return listed_price(meters, "gpt-4o", "2024-11-20", "GlobalStandard", billed or ())


class TestExactlyOne:
    def test_both_kinds_are_needed_and_cached_is_not(self) -> None:
        assert listed(BOTH).cached_input_usd is None
        for left in (0, 1):
            with pytest.raises(NotListed, match="no meter of its"):
                listed(BOTH[left : left + 1])

    def test_the_same_price_twice_is_one(self) -> None:
        assert listed([*BOTH, meter("gpt-4o-1120-Inp-glbl Tokens", 2.5)]).input_usd == 2.5

    @pytest.mark.parametrize("name", ["gpt-4o-1120-Inp-glbl", "gpt 4o 1120 std Inp Gl"])
    def test_another_price_is_one_too_many(self, name: str) -> None:
        with pytest.raises(
            NotListed, match=r"2 prices of its input tokens fit: gpt 4o 1120 Inp glbl 2\.5, gpt"
        ):
            listed([*BOTH, meter(name, 2.6)])

    def test_a_name_with_the_version_goes_before_one_without(self) -> None:
        assert listed([*BOTH, meter("gpt 4o Inp glbl", 9.0), meter("gpt 4o Outp glbl", 9.0)]).input_usd == 2.5

    def test_where_other_versions_are_named_a_name_without_one_is_not_ours(self) -> None:
        bare = [meter("gpt 4o Inp glbl", 9.0), meter("gpt 4o Outp glbl", 9.0)]
        assert listed(bare).input_usd == 9.0
        with pytest.raises(NotListed, match="tells versions of gpt-4o apart"):
            listed([*bare, meter("gpt 4o 0806 Inp glbl", 2.5)])

    def test_a_version_that_no_name_could_say(self) -> None:
        with pytest.raises(NotListed, match="how the list would call the version turbo-2024-04-09"):
            listed_price([meter("gpt 4 Inp glbl", 30.0)], "gpt-4", "turbo-2024-04-09", "GlobalStandard")

    @pytest.mark.parametrize(
        "product", ["Azure Grok Models", "Azure OpenAI Media", "Azure OpenAI PP FT GPT4s", "", "azure openai"]
    )
    def test_like_names_of_other_products_are_not_ours(self, product: str) -> None:
        with pytest.raises(NotListed, match="no meter"):
            listed([meter(m.name, m.usd_per_1m, product) for m in BOTH])


class TestMetersOfArm:
    def test_the_names_of_arm_say_what_they_count(self) -> None:
        meters = [
            meter("a b c", 3.0, id_="A-1"),
            meter("d", 12.0, id_="a-2"),
            meter("e", 1.5, id_="a-3"),
            *BOTH,
        ]
        billed = [
            BilledMeter("NoCachedContextToken", "a-1"),
            BilledMeter("GeneratedToken", "A-2"),
            BilledMeter("CachedContextToken", "a-3"),
        ]
        found = listed(meters, billed=billed)
        assert (found.input_usd, found.output_usd, found.cached_input_usd) == (3.0, 12.0, 1.5)
        assert found.found == "the meters that ARM names"

    def test_else_those_of_the_list_do(self) -> None:
        meters = [meter("x pp Inp glbl", 4.0, "Anything", "1"), meter("x pp opt glbl", 16.0, "Anything", "2")]
        found = listed([*BOTH, *meters], billed=[BilledMeter("", "1"), BilledMeter("?", "2")])
        assert (found.input_usd, found.output_usd) == (4.0, 16.0)

    def test_where_they_contradict_each_other_nothing_is_known(self) -> None:
        with pytest.raises(
            NotListed, match="ARM calls a meter GeneratedToken, the list calls it gpt 4o 1120 Inp"
        ):
            listed(BOTH, billed=[BilledMeter("GeneratedToken", BOTH[0].id)])

    def test_meters_that_are_not_in_the_list_are_left_aside(self) -> None:
        assert listed(BOTH, billed=[BilledMeter("ContextToken", "gone")]).found == "the names of its meters"

    def test_two_prices_of_one_kind_are_not_chosen_from(self) -> None:
        meters = [meter("a", 3.0), meter("b", 6.0), meter("c", 9.0)]
        billed = [
            BilledMeter("ContextToken", "a"),
            BilledMeter("ContextToken", "b"),
            BilledMeter("GeneratedToken", "c"),
        ]
        with pytest.raises(NotListed, match="2 prices of its input tokens fit"):
            listed(meters, billed=billed)

    def test_a_meter_without_an_id_is_none_of_them(self) -> None:
        with pytest.raises(NotListed):
            listed(
                [TokenMeter("", "a", "", 1.0), TokenMeter("", "b", "", 1.0)],
                billed=[BilledMeter("ContextToken", "")],
            )


_WORDS = st.sampled_from(
    [*("gpt", "4o", "1120", "0806", "mini"), *("Inp", "inpt", "Outp", "opt", "cached", "cd"),
     *("glbl", "Gl", "dz", "regnl"), *("Tokens", "1M", "pp", "Batch", "ft")]
)  # fmt: skip


@given(st.lists(st.tuples(st.lists(_WORDS, min_size=1, max_size=6), st.floats(0.01, 100)), max_size=12))
def test_whatever_is_listed_the_price_is_one_of_the_list_or_none(rows: list[tuple[list[str], float]]) -> None:
    meters = [meter(" ".join(words), usd) for words, usd in rows]
    try:
        found = listed(meters)
    except NotListed:
        return
    prices = {round(m.usd_per_1m, 9) for m in meters}
    assert {found.input_usd, found.output_usd} <= prices
    strange = {"pp", "batch", "mini", "ft"}
    plain_ones = [m for m in meters if not strange & set(m.name.casefold().split())]
    assert found == listed(plain_ones)

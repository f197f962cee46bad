"""Documents in passages: nothing lost, nothing twice, in order, and none too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.chat.tokens import estimate_tokens
from stoa.domain.personas.chunking import MOST_TOKENS, cut

SENTENCE = "The quick brown fox jumps over the lazy dog. "  # about eleven tokens
LONG = SENTENCE * 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n\t\n", []),
        ("One line", [("", "One line")]),
        ("One.\n\nTwo.\n", [("", "One.\n\nTwo.")]),
        ("One.\r\n\r\nTwo.", [("", "One.\n\nTwo.")]),
        ("# A\n\nBody", [("A", "# A\n\nBody")]),
        ("# A #\nBody\n## B\nMore\n# C\nEnd", [("A", "# A #\nBody"), ("A › B", "## B\nMore"), ("C", "# C\nEnd")]),
        ("Before\n# A\nBody", [("", "Before"), ("A", "# A\nBody")]),
        ("# A\n## B\nBody", [("A › B", "# A\n## B\nBody")]),
        ("#hashtag is no heading", [("", "#hashtag is no heading")]),
        ("# " + "x" * 300, [("", "# " + "x" * 300)]),
        ("# " + "天" * 100 + "\nBody", [("", "# " + "天" * 100 + "\nBody")]),
        ("```\n# a comment\n\nmore\n```\nBody", [("", "```\n# a comment\n\nmore\n```\nBody")]),
        ("~~~\n```\n# in\n~~~\n# Out\nx", [("", "~~~\n```\n# in\n~~~"), ("Out", "# Out\nx")]),
        ("# Only a heading", [("Only a heading", "# Only a heading")]),
    ],
)
def test_headings_and_paragraphs_make_passages(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(passage.heading, passage.content) for passage in cut(text)] == expected


def test_a_long_section_is_cut_between_paragraphs_and_keeps_its_heading() -> None:
    paragraph = (SENTENCE * 15).strip()
    passages = cut(f"# A\n\n{paragraph}\n\n{paragraph}\n\n{paragraph}\n\n# B\n\nEnd")
    assert [passage.heading for passage in passages] == ["A", "A", "A", "B"]
    assert passages[1].content == paragraph


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    passages = cut(LONG)
    assert len(passages) == 3
    assert all(passage.content.endswith("dog.") for passage in passages)


@pytest.mark.parametrize("text", ["word " * 2000, "x" * 20_000, "天" * 5_000, "😀" * 3_000, "A sentence。" * 900])
def test_what_has_no_sentences_is_cut_where_it_must_be(text: str) -> None:
    passages = cut(text)
    assert max(passage.tokens for passage in passages) <= MOST_TOKENS
    assert min(passage.tokens for passage in passages[:-1]) > MOST_TOKENS // 3


def test_headings_without_a_body_never_make_a_passage_too_long() -> None:
    passages = cut("".join(f"# {SENTENCE * 3}\n" for _ in range(20)) + "End")
    assert max(passage.tokens for passage in passages) <= MOST_TOKENS
    assert passages[-1].content.endswith("End")


MARKDOWN = st.lists(
    st.sampled_from(["# A\n", "## B b\n", "```\n", "~~~\n", "\n", "\n\n", SENTENCE, LONG, "x" * 900, "。", "1. item\n"])
    | st.text(max_size=80),
    max_size=25,
).map("".join)


@given(MARKDOWN)
def test_nothing_is_lost_the_order_is_kept_and_none_is_too_long(text: str) -> None:
    passages = cut(text)
    written = text.replace("\r\n", "\n").replace("\r", "\n")
    position = 0
    for passage in passages:
        assert passage.tokens == estimate_tokens(passage.content) <= MOST_TOKENS
        assert len(passage.heading) <= 200
        found = written.index(passage.content, position)  # word for word, after the one before
        assert not written[position:found].strip()
        position = found + len(passage.content)
    assert not written[position:].strip()


@pytest.mark.parametrize("text", ["." * 200_000, "# " + "#" * 200_000, "a." * 100_000, "` " * 100_000, " " * 200_000])
def test_no_text_takes_time_by_the_square_of_its_length(text: str) -> None:
    # By the square these would take minutes.
    assert "".join(passage.content for passage in cut(text)).count(".") == text.count(".")

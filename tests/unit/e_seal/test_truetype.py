"""The font subsetter, judged by fontTools: outlines, advances, maps and reproducibility."""

import io
from functools import cache
from typing import Any

import pytest
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from e_seal.ofd import fonts, truetype

FACES = [fonts.LATIN, fonts.HAN]


@cache
def whole(face: int) -> Any:
    """The vendored font as fontTools reads it."""
    return TTFont(io.BytesIO(fonts.faces()[face].data()))


def outline(font: Any, char: str) -> Any:
    glyphs = font.getGlyphSet()
    pen = DecomposingRecordingPen(glyphs)
    glyphs[font.getBestCmap()[ord(char)]].draw(pen)
    return pen.value


def characters(face: int) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(fonts.faces()[face].widths)).map(chr)


@pytest.mark.parametrize("face", FACES)
def test_advances_are_those_of_the_font(face: int) -> None:
    font = whole(face)
    unit, metrics = font["head"].unitsPerEm, font["hmtx"].metrics
    expected = {code: metrics[name][0] / unit for code, name in font.getBestCmap().items()}
    assert fonts.faces()[face].widths == expected


@pytest.mark.parametrize("face", FACES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_subset_draws_the_same(face: int, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(characters(face), min_size=1, max_size=40))
    made = fonts.subset(fonts.faces()[face], chosen)
    assert made == fonts.subset(fonts.faces()[face], sorted(chosen, reverse=True))
    with TTFont(io.BytesIO(made), checkChecksums=2) as font:
        assert set(font.getBestCmap()) == set(map(ord, chosen))
        for char in chosen:
            assert outline(font, char) == outline(whole(face), char)
            width = font["hmtx"].metrics[font.getBestCmap()[ord(char)]][0]
            assert width / font["head"].unitsPerEm == fonts.faces()[face].widths[ord(char)]
        assert not {"fpgm", "prep", "cvt "} & set(font.keys())


def test_composites_and_characters_beyond_the_plane() -> None:
    latin = fonts.faces()[fonts.LATIN]
    made = latin.font.subset("Ǻ𝔸")
    with TTFont(io.BytesIO(made)) as font:
        assert set(font.getBestCmap()) == {ord("Ǻ"), ord("𝔸")}
        # Ǻ is made of parts that no character of the subset asks for.
        assert font["maxp"].numGlyphs > 3
    assert len(made) < 4000


def test_unknown_characters_leave_only_the_empty_box() -> None:
    with TTFont(io.BytesIO(fonts.faces()[fonts.HAN].font.subset("𠮷"))) as font:
        assert font["maxp"].numGlyphs == 1


def test_a_font_without_tables_is_refused() -> None:
    with pytest.raises(truetype.FontError, match="head"):
        truetype.TrueType(b"\0\1\0\0\0\0\0\0\0\0\0\0")

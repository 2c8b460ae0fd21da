"""What recovery sees of a row at a glance is what the whole profile says."""

from pathlib import Path

import orjson
import pytest

from processors.catalogue import category_subject
from processors.glance import categories_of, glance
from processors.index import products_of
from processors.rows import decode

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_glance_tells_what_the_whole_row_tells(path: Path) -> None:
    row = path.read_bytes().rstrip(b"\n")
    seen, profile = glance(row), decode(row)
    assert set(seen.subjects()) == products_of(profile)
    assert set(categories_of(row)) == set(map(category_subject, profile.categories.names))
    for name in ("known", "active_at", "sessions", "awaited", "looked_at"):
        assert getattr(seen, name) == getattr(profile, name)
    assert len(seen.moments) == len(profile.moments)
    if profile.moments:
        looks = [moment.next_look(profile.active_at) for moment in profile.moments]
        assert seen.first_look() == min(looks)


def test_what_a_later_release_adds_is_passed_over() -> None:
    row = orjson.dumps({"v": 101, "aa": 5, "vw": [["lamp", None, 1, 2, False, 1, "new"]], "zz": {}})
    assert (glance(row).subjects(), glance(row).active_at) == (["lamp"], 5)

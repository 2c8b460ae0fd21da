"""A browser that ends while it starts is started anew, and what it said is not lost."""

import os
import re
from pathlib import Path

import pytest

from tests.browsers.starting import listening

_SAYS = re.compile(r"Listening on (ws://\S+)\n")
_WELL = "echo Listening on ws://here >&2; exec sleep 600"
_ILL = "echo cannot open the display >&2; exit 7"


class Machine:
    """What its browser does, one start after the other."""

    def __init__(self, *scripts: str) -> None:
        self._scripts = list(scripts)
        self.profiles: list[Path] = []

    def command(self, profile: Path) -> list[str]:
        assert list(profile.iterdir()) == []
        self.profiles.append(profile)
        return ["sh", "-c", f'echo $$ > "$HOME/pid"; {self._scripts.pop(0)}']

    def has_a_browser(self) -> bool:
        try:
            os.kill(int((self.profiles[-1] / "pid").read_text()), 0)
        except ProcessLookupError:
            return False
        return True


async def test_one_that_ends_before_it_listens_is_started_again_in_a_fresh_profile(
    tmp_path: Path,
) -> None:
    machine = Machine(_ILL, _ILL, _WELL)
    async with listening(machine.command, tmp_path, {}, _SAYS) as url:
        assert url == "ws://here"
        assert len(set(machine.profiles)) == 3
        assert machine.has_a_browser()
        os.kill(int((machine.profiles[-1] / "pid").read_text()), 15)
    assert not machine.has_a_browser()


async def test_one_that_never_listens_is_told_with_what_it_said_each_time(tmp_path: Path) -> None:
    machine = Machine(_ILL, "kill -SEGV $$", _ILL)
    with pytest.raises(AssertionError) as caught:
        async with listening(machine.command, tmp_path, {}, _SAYS):
            pass
    told = str(caught.value)
    assert told.count("ended with 7 and said:\n  cannot open the display") == 2
    assert "Start 2: the browser ended with -11 and said nothing" in told


async def test_what_goes_wrong_once_it_listens_is_told_with_what_it_said_and_not_tried_again(
    tmp_path: Path,
) -> None:
    machine = Machine(_WELL)
    with pytest.raises(ConnectionError) as caught:
        async with listening(machine.command, tmp_path, {}, _SAYS):
            raise ConnectionError
    assert "Listening on ws://here" in "".join(caught.value.__notes__)
    assert not machine.has_a_browser()

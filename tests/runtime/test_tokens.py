"""The token that proves that an interaction belongs to a push."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.tokens import InteractionTokens, TokenSettings

TOKENS = InteractionTokens(b"a secret that is long enough to be one")
IDS = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"), max_size=40
)


def test_a_token_is_short_and_always_the_same() -> None:
    token = TOKENS.make("job-1", "device-1")
    assert len(token) == 22
    assert token == TOKENS.make("job-1", "device-1")
    assert TOKENS.verify(token, "job-1", "device-1")


@given(IDS, IDS, IDS, IDS)
def test_a_token_serves_one_job_at_one_device(
    job: str, device: str, other_job: str, other_device: str
) -> None:
    same = (job, device) == (other_job, other_device)
    assert TOKENS.verify(TOKENS.make(job, device), other_job, other_device) is same


def test_a_token_of_another_secret_is_none() -> None:
    other = InteractionTokens(b"another secret that is long enough, too")
    assert not TOKENS.verify(other.make("job-1", "device-1"), "job-1", "device-1")
    assert not TOKENS.verify("ü", "job-1", "device-1")


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUDGE_TOKEN_SECRET", "short")
    with pytest.raises(ValueError, match="token_secret"):
        TokenSettings()

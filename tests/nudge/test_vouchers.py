"""Voucher pools: what is refused before anything is written, and what workers find after."""

from pathlib import Path

import pytest

from nudge.controls import read_controls
from nudge.problem import Problem
from nudge.vouchers import BATCH_CODES, Worth, batches, new_batches, read_codes
from runtime.settings import KafkaSettings
from schemas.topics import PROFILES_CHANGELOG
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge

FREE = Worth(None, None, None)


def test_a_file_is_read_line_by_line() -> None:
    assert read_codes(["AAA\n", "\n", " BBB \r\n"]) == ["AAA", "BBB"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["AAA", "BBB", "AAA"], "Line 3: code AAA stands in line 1"),
        (["A" * 129], "Line 1 is no code"),
        (["A\x01B"], "Line 1 is no code"),
        ([" ", ""], "holds no codes"),
    ],
)
def test_a_file_that_would_give_a_code_twice_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(Problem, match=message):
        read_codes(lines)


def test_many_codes_are_several_records_and_the_same_file_the_same_ones() -> None:
    codes = [f"C{number}" for number in range(2 * BATCH_CODES + 1)]
    first = list(batches("spring", codes, FREE, 1))
    assert [len(batch.codes) for batch in first] == [BATCH_CODES, BATCH_CODES, 1]
    known = {batch.batch: batch for batch in first}
    assert new_batches(batches("spring", codes, FREE, 2), known) == []


def test_a_code_that_is_loaded_is_refused_in_every_pool() -> None:
    known = {batch.batch: batch for batch in batches("spring", ["AAA", "BBB"], FREE, 1)}
    with pytest.raises(Problem, match=r"1 of the codes are loaded already: BBB \(in spring\)"):
        new_batches(batches("autumn", ["BBB", "CCC"], FREE, 2), known)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("\ufeffAAA\n".encode(), "1 code loaded"),
        ("Żółw\n".encode("iso-8859-2"), "not in UTF-8"),
    ],
    ids=["begun by Notepad", "of another encoding"],
)
async def test_codes_from_a_pipe_are_taken_as_those_of_a_file(
    cluster: KafkaSettings, given: bytes, said: str
) -> None:
    answer = await nudge(cluster, "vouchers", "load", "spring", "-", stdin=given)
    assert said in answer.out + answer.err
    held = (await read_controls(cluster)).vouchers.values()
    assert [batch.codes for batch in held] == ([("AAA",)] if answer.code == 0 else [])


async def test_codes_are_loaded_once_and_listed_without_being_shown(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    file = tmp_path / "codes.txt"
    file.write_text("AAA\nBBB\nCCC\n")
    load = ("vouchers", "load", "spring", str(file), "--value", "1500", "--currency", "PLN")
    loaded = (await nudge(cluster, *load)).good()
    assert "3 codes loaded into spring" in loaded.out
    assert "No scenario and no campaign gives codes of spring so far." in loaded.err
    again = (await nudge(cluster, *load)).good().out
    assert "0 codes loaded into spring. 3 were there before." in again
    other = (*load[:4], "--value", "2000", "--currency", "PLN")
    corrected = (await nudge(cluster, *other)).good()
    assert "0 codes loaded" in corrected.out
    assert "3 of them stay as they were loaded, 15.00 PLN, without an end" in corrected.err
    file.write_text("DDD\nAAA\n")
    assert "AAA (in spring)" in (await nudge(cluster, *load)).failed().err
    listed = (await nudge(cluster, "vouchers", "list", "--json")).good()
    (batch,) = listed.json()
    assert (batch["pool"], batch["codes"], batch["value"]) == ("spring", 3, 1500)
    assert "AAA" not in listed.out
    assert batch["left"] == 3
    state = {"clock": 1, "drawn": {batch["batch"]: 2}}
    await produce(
        cluster,
        PROFILES_CHANGELOG,
        [Sent("\x00core", state, partition=1), Sent("a", b"{}", partition=1)],
    )
    listed = (await nudge(cluster, "vouchers", "list", "--json")).good()
    assert listed.json()[0]["left"] == 1
    await produce(cluster, PROFILES_CHANGELOG, [Sent("b", b"{}", partition=0)])
    listed = (await nudge(cluster, "vouchers", "list", "--json")).good()
    assert listed.json()[0]["left"] is None, "partition 0 does not say what it gave"
    assert "15.00 PLN" in (await nudge(cluster, "vouchers", "list")).good().out
    controls = await read_controls(cluster)
    assert [one.codes for one in controls.vouchers.values()] == [("AAA", "BBB", "CCC")]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--value", "15.00"), 2, "write --value=1500"),
        (("--value", "15,00"), 2, "write --value=1500"),
        (("--value", "-1"), 2, "--value=-1 is no amount"),
        (("--value", "1500", "--currency", "pln"), 1, "currency: no ISO 4217 code, such as EUR."),
    ],
)
async def test_what_a_voucher_cannot_be_worth_is_refused(
    tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    file = tmp_path / "codes.txt"
    file.write_text("AAA\n")
    answer = await nudge(None, "vouchers", "load", "spring", str(file), *options)
    assert said in answer.failed(code).err


async def test_a_replay_gives_the_codes_of_a_file(tmp_path: Path) -> None:
    codes = tmp_path / "codes.txt"
    codes.write_text("\n".join(f"C{number}" for number in range(99)))
    at = 1_781_085_600_000
    item = '{"product_id":"lamp","price":4999}'
    head = f'"user_id":"ann","occurred_at":{at},"order_id":"A-1"'
    events = tmp_path / "events.jsonl"
    events.write_text(
        f'{{"type":"purchase","event_id":"e1",{head},"items":[{item}],"value":4999,'
        f'"currency":"PLN"}}\n{{"type":"order_status","event_id":"e2",{head},'
        f'"status":"delivered"}}\n'
    )
    until = str(at + 8 * 86_400_000)
    out = (
        await nudge(
            None, "replay", str(events), "--until", until, "--vouchers", f"second_order={codes}"
        )
    ).good().out  # fmt: skip
    said = [line for line in out.splitlines() if '"second_order"' in line]
    assert len(said) == 1
    assert '"code":"C' in said[0]

"""Topics, scenarios, pauses, keys and contracts from the command line."""

import json
from pathlib import Path

from nudge import topics
from nudge.commands.topics import create
from nudge.controls import Controls, read_controls
from nudge.when import now_ms
from processors.rule_book import RuleBook
from processors.scenario_file import load
from runtime.settings import KafkaSettings
from runtime.vapid import load_keys
from schemas.adapters import dump
from schemas.campaigns import CampaignStart, CampaignStop
from schemas.topics import CAMPAIGNS, REGISTRY, SCENARIOS
from streams.steering import Steering
from tests.harness.clusters import delete_topics
from tests.harness.records import Sent, produce, read_to_end
from tests.nudge.commands import ROOT, Answer, nudge

QUICK = Path(__file__).with_name("quick.yaml")
SALE = """
id: sale
segment: all
at: now
until: 2099-01-01T00:00:00Z
kind: flash_sale
copy: {en: [{title: Sale, body: Today, url: "https://shop.example"}]}
"""
SHIPPED = ROOT / "processors" / "scenarios" / "default.yaml"


async def test_topics_are_created_once_and_named_after_that(kafka: str, namespace: str) -> None:
    settings = KafkaSettings(kafka_bootstrap=kafka, namespace=namespace)
    before = (await nudge(settings, "topics", "check", "--json")).failed()
    assert {drift["kind"] for drift in before.json()} >= {"missing"}
    copies = (await nudge(settings, "topics", "create")).failed()
    assert "--replication 1" in copies.err
    try:
        made = await nudge(
            settings, "topics", "create", "--partitions", "4", "--replication", "1", "--json"
        )
        assert len(made.good().json()["created"]) == len(REGISTRY)
        again = (await nudge(settings, "topics", "create", "--replication", "1")).good()
        assert "Every topic is there already" in again.out
        (await nudge(settings, "topics", "check")).good()
        described = (await nudge(settings, "topics", "describe", "--json")).good().json()
        assert [row["name"] for row in described] == [settings.topic(t) for t in REGISTRY]
        table = (await nudge(settings, "topics", "describe")).good().out
        assert "newest a key" in table
        assert "35 d" in table
    finally:
        await delete_topics(settings)


def test_the_defaults_of_the_command_are_those_of_the_code() -> None:
    for option, default in (
        ("partitions", topics.DEFAULT_PARTITIONS),
        ("replication", topics.DEFAULT_REPLICATION),
    ):
        assert str(default) in create.__annotations__[option].__metadata__[0].help


async def test_a_pause_is_in_kafka_when_the_command_returns(cluster: KafkaSettings) -> None:
    answer = (await nudge(cluster, "pause", "--reason", "wrong price")).good()
    assert "Sending is paused" in answer.out
    controls = await read_controls(cluster)
    assert controls.pause is not None
    assert (controls.paused, controls.pause.reason) == (True, "wrong price")
    (await nudge(cluster, "resume")).good()
    assert not (await read_controls(cluster)).paused
    keys = [record.key for record in await read_to_end(cluster, SCENARIOS)]
    assert keys.count("pause") == 2


async def test_a_machine_whose_clock_is_behind_resumes_what_another_paused(
    cluster: KafkaSettings,
) -> None:
    (await nudge(cluster, "pause")).good()
    resumed = (await nudge(cluster, "resume", behind_s=60)).good()
    assert "One of the clocks is wrong" in resumed.err
    assert not (await told(cluster)).paused(now_ms() + 60_000)
    (await nudge(cluster, "pause", behind_s=120)).good()
    assert (await told(cluster)).paused(now_ms() + 60_000)
    assert (await read_controls(cluster)).paused


async def test_a_machine_whose_clock_is_behind_puts_its_file_in_force(
    cluster: KafkaSettings,
) -> None:
    (await nudge(cluster, "scenarios", "apply", str(SHIPPED))).good()
    for file in (QUICK, SHIPPED):
        (await nudge(cluster, "scenarios", "apply", str(file), behind_s=120)).good()
        wanted = (await read_controls(cluster)).in_force(now_ms())
        assert wanted is not None
        assert wanted.yaml == file.read_text(encoding="utf-8")
        assert (await told(cluster)).at(now_ms()).version == wanted.version


def test_a_clock_that_is_a_year_ahead_holds_nobody_up() -> None:
    controls, now, minute = Controls(), now_ms(), 60_000
    for at in (now - minute, now + 2 * minute, now + 365 * 86_400_000):
        controls.take("of another release", b"", at)
    assert controls.after(now) == now + 2 * minute + 1
    assert controls.after(now + 3 * minute) == now + 3 * minute
    assert Controls().after(now) == now


async def told(settings: KafkaSettings) -> RuleBook:
    """What a worker knows that has read both topics."""
    book = RuleBook()
    steering = Steering(book)
    for take, topic in ((steering.control, SCENARIOS), (steering.campaign, CAMPAIGNS)):
        for record in await read_to_end(settings, topic):
            take(record)
    return book


async def test_a_campaign_is_stopped_by_whoever_stops_it(cluster: KafkaSettings) -> None:
    (await nudge(cluster, "scenarios", "apply", str(QUICK))).good()
    start = CampaignStart(type="campaign_start", campaign_id="sale", at=now_ms(), yaml=SALE)
    await produce(cluster, CAMPAIGNS, [Sent("sale", dump(start))])
    before = CampaignStop(type="campaign_stop", campaign_id="sale", at=start.at - 120_000)
    await produce(cluster, CAMPAIGNS, [Sent("sale/stop", dump(before), at=before.at)])
    (seen,) = (await nudge(cluster, "campaign", "status", "--json")).good().json()
    assert seen["state"] != "stopped", "workers do not heed a stop from before the start"
    stopped = (await nudge(cluster, "campaign", "stop", "sale", behind_s=120)).good().out
    assert "sale is stopped" in stopped
    assert (await told(cluster)).campaigns["flash_sale/sale"].stopped_at <= now_ms()
    again = (await nudge(cluster, "campaign", "stop", "sale")).good().out
    assert "was stopped at" in again


async def test_a_scenario_file_is_checked_with_lines_and_cures(tmp_path: Path) -> None:
    good = (await nudge(None, "scenarios", "check", str(SHIPPED))).good()
    assert "cart_abandoned" in good.out
    bad = tmp_path / "bad.yaml"
    bad.write_text(QUICK.read_text().replace("wait: 4s", "wait: 4 parsecs").replace("ttl:", "tll:"))
    answer = (await nudge(None, "scenarios", "check", str(bad))).failed()
    lines = bad.read_text().splitlines()
    wait = next(n for n, line in enumerate(lines, start=1) if "parsecs" in line)
    assert f"{bad}:{wait}: " in answer.err
    assert "did you mean 'ttl'?" in answer.err
    assert "Nothing was applied" not in answer.err


async def test_a_scenario_file_is_put_in_force_once(cluster: KafkaSettings, tmp_path: Path) -> None:
    nothing = (await nudge(cluster, "scenarios", "list")).good()
    assert "No version was ever applied" in nothing.err
    (await nudge(cluster, "scenarios", "apply", str(QUICK))).good()
    again = (await nudge(cluster, "scenarios", "apply", str(QUICK))).good()
    assert "nothing changed" in again.out
    absent = (await nudge(cluster, "scenarios", "apply", str(SHIPPED), "--if-absent")).good()
    assert "nothing changed" in absent.out
    past = (await nudge(cluster, "scenarios", "apply", str(SHIPPED), "--at", "-1h")).failed()
    assert "is past" in past.err
    later = (await nudge(cluster, "scenarios", "apply", str(SHIPPED), "--at", "+1d")).good()
    assert "in force from" in later.out
    ours = load(QUICK.read_text(), "quick.yaml").version
    assert f"`nudge scenarios show {ours} > before.yaml`" in " ".join(later.err.split())
    listed = (await nudge(cluster, "scenarios", "list", "--json")).good().json()
    assert [version["in_force"] for version in listed] == [True, False]
    assert listed[0]["effective_at"] < listed[1]["effective_at"]
    shown = (await nudge(cluster, "scenarios", "show")).good().out
    assert shown == QUICK.read_text()
    shipped = (await nudge(None, "scenarios", "show", "--shipped")).good().out
    assert shipped == SHIPPED.read_text(encoding="utf-8")


async def test_a_day_of_other_rules_and_back_leaves_today_as_it_is(cluster: KafkaSettings) -> None:
    async def applied(file: Path, *at: str) -> list[tuple[str, bool]]:
        (await nudge(cluster, "scenarios", "apply", str(file), *at)).good()
        listed = (await nudge(cluster, "scenarios", "list", "--json")).good().json()
        return [(version["version"], version["in_force"]) for version in listed]

    ((ours, _),) = await applied(QUICK)
    (_, (others, _)) = await applied(SHIPPED, "--at", "+1h")
    there_and_back = [(ours, True), (others, False), (f"{ours}-2", False)]
    assert await applied(QUICK, "--at", "+2h") == there_and_back
    assert await applied(QUICK, "--at", "+3h") == there_and_back, "what is to come is moved"
    planned = (await read_controls(cluster)).versions[f"{ours}-2"]
    assert planned.effective_at > now_ms() + 2 * 3_600_000


async def test_a_scenario_file_with_a_mistake_is_not_applied(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("scenarios: [")
    (await nudge(cluster, "scenarios", "apply", str(bad))).failed()
    assert (await read_controls(cluster)).versions == {}


async def test_keys_are_made_once_kept_private_and_backed_up(tmp_path: Path) -> None:
    keys = tmp_path / "keys"

    async def run(*words: str) -> Answer:
        return await nudge(None, "keys", *words, NUDGE_VAPID_KEYS=str(keys))

    made = (await run("create")).good()
    assert "loses every subscriber" in made.err
    (file,) = keys.glob("*.pem")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    refused = (await run("create")).failed()
    assert "not overwritten" in refused.err
    assert "nudge keys create --another" in " ".join(refused.err.split())
    assert file.read_bytes() == before
    shown = (await run("show", "--json")).good()
    assert "PRIVATE" not in shown.out
    assert shown.json()[0]["public_key"] == load_keys(keys).current.public_key
    (await run("backup", str(tmp_path / "safe"))).good()
    assert load_keys(tmp_path / "safe").current.key_id == load_keys(keys).current.key_id
    (await run("backup", str(tmp_path / "safe"))).failed()
    file.chmod(0o644)
    assert "chmod 600" in (await run("show")).good().err


async def test_the_contracts_are_written_for_other_languages(tmp_path: Path) -> None:
    (await nudge(None, "schemas", "export", "--out", str(tmp_path))).good()
    for topic in REGISTRY:
        schema = json.loads((tmp_path / f"{topic.name}.schema.json").read_text())
        assert schema["title"] == topic.name
    printed = (await nudge(None, "schemas", "export", "--namespace", "north")).good().json()
    written = json.loads((tmp_path / "asyncapi.json").read_text())
    assert printed["channels"]["shop.events"]["address"] == "north.shop.events"
    assert printed["components"] == written["components"]


async def test_a_worker_without_topics_says_so_and_stops(kafka: str, namespace: str) -> None:
    settings = KafkaSettings(kafka_bootstrap=kafka, namespace=namespace)
    answer = (await nudge(settings, "worker")).failed()
    assert "nudge topics create" in answer.err


async def test_delivery_without_its_settings_names_them_all() -> None:
    answer = (await nudge(None, "deliver")).failed()
    assert "NUDGE_VAPID_SUBJECT is not set" in answer.err
    assert "NUDGE_TOKEN_SECRET is not set" in answer.err

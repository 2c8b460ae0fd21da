"""What another release found good and this one refuses: every command says so, none breaks."""

from pathlib import Path

from nudge.campaigns import known_campaigns
from nudge.controls import apply_version
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.campaigns import CampaignStart
from schemas.control import ScenarioVersion
from schemas.topics import CAMPAIGNS
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge
from tests.nudge.test_doctor import findings

QUICK = Path(__file__).with_name("quick.yaml").read_text()
FROM_LATER = QUICK.replace("ttl: 1h", "ttl: 1h\n    tone: warm\n    mood: high")
CAMPAIGN = """
id: sale
segment: all
at: now
pace: 100000
copy: {en: [{title: Sale, body: Today, url: "https://shop.example"}]}
"""


async def apply(settings: KafkaSettings, name: str, text: str, ahead: int = 0) -> None:
    at = now_ms() + ahead
    await apply_version(
        settings, ScenarioVersion(type="version", version=name, effective_at=at, yaml=text)
    )


async def test_a_version_that_is_refused_is_not_called_in_force(cluster: KafkaSettings) -> None:
    await apply(cluster, "ours", QUICK)
    await apply(cluster, "theirs", FROM_LATER)
    await apply(cluster, "to-come", FROM_LATER, 3_600_000)
    listed = (await nudge(cluster, "scenarios", "list", "--json")).good().json()
    assert [one["in_force"] for one in listed] == [True, False, False]
    assert ["refused" in one for one in listed] == [False, True, True]
    table = (await nudge(cluster, "scenarios", "list")).good()
    assert "refused" in table.out
    assert "no such setting" in table.err
    said = (await nudge(cluster, "doctor")).out
    assert "refused by this release, version ours goes on: version theirs:" in said
    assert "\N{REPLACEMENT CHARACTER}" not in said + table.err
    asked = (await nudge(cluster, "segments", "list")).failed()
    assert "The version in force is refused by this release: version theirs:" in asked.err
    assert "mend it and apply it" in asked.err
    found = [one["said"] for one in (await findings(cluster, 1))["scenarios"]]
    assert "refused by this release, version ours goes on" in found[0]
    assert "The version to come at" in found[1]


async def test_a_campaign_that_is_refused_can_be_seen_and_stopped(cluster: KafkaSettings) -> None:
    await apply(cluster, "ours", QUICK)
    start = CampaignStart(type="campaign_start", campaign_id="sale", at=now_ms(), yaml=CAMPAIGN)
    await produce(cluster, CAMPAIGNS, [Sent("sale", dump(start))])
    (seen,) = (await nudge(cluster, "campaign", "status", "--json")).good().json()
    assert seen["state"] == "refused"
    assert "60000 or less" in seen["refused"]
    assert (await findings(cluster, 1))["campaigns"][0]["level"] == "fail"
    again = (await nudge(cluster, "replay", "--from-topics", "--out", "none")).good()
    assert "left out, as workers do: sale:5: pace" in again.err
    (await nudge(cluster, "campaign", "stop", "sale")).good()
    assert (await known_campaigns(cluster))["sale"].stop is not None
    status = (await nudge(cluster, "campaign", "status", "sale")).good()
    assert "stopped, refused by this release" in status.out
    assert "campaigns" not in await findings(cluster, 1)

"""What a release refuses that another found good: nothing breaks, and ops are told."""

from types import SimpleNamespace

from processors.rule_book import RuleBook
from schemas.adapters import dump
from schemas.base import Wire
from schemas.campaigns import CampaignStart, CampaignStop
from schemas.control import ScenarioVersion
from streams.steering import Steering
from tests.streams.conftest import SHIPPED

GOOD, NOON = SHIPPED.read_text(), 1_781_085_600_000
BAD = GOOD.replace("threshold: 3", "threshhold: 3")
CAMPAIGN = "{id: sale, segment: all, at: now, pace: 7, copy: {en: [{title: a, body: b, url: /c}]}}"


def version(name: str, at: int, text: str) -> ScenarioVersion:
    return ScenarioVersion(type="version", version=name, effective_at=at, yaml=text)


def started(text: str) -> CampaignStart:
    return CampaignStart(type="campaign_start", campaign_id="sale", at=NOON, yaml=text)


def record(said: Wire | None) -> SimpleNamespace:
    return SimpleNamespace(value=None if said is None else dump(said), offset=1)


def test_older_rules_go_on_where_the_version_in_force_is_refused_and_say_so() -> None:
    book = RuleBook()
    steering = Steering(book)
    steering.control(record(version("v1", NOON, GOOD)))
    steering.control(record(version("v2", NOON + 10, BAD)))
    assert book.at(NOON + 10).version == "v1"
    assert steering.refused(NOON + 9) is None, "it is not its time yet"
    said = steering.refused(NOON + 10)
    assert said is not None
    assert "refuses version v2, older rules go on" in said
    assert "did you mean 'threshold'" in said
    steering.control(record(version("v3", NOON + 20, GOOD)))
    assert steering.refused(NOON + 10) == said
    assert steering.refused(NOON + 20) is None, "a newer one is good"


def test_a_version_that_is_mended_is_no_longer_refused() -> None:
    steering = Steering(RuleBook())
    steering.control(record(version("v1", NOON, BAD)))
    assert "nothing is decided" in str(steering.refused(NOON))
    steering.control(record(version("v1", NOON, GOOD)))
    assert steering.refused(NOON) is None


def test_a_campaign_that_is_refused_is_counted_until_it_is_stopped() -> None:
    book = RuleBook()
    steering = Steering(book)
    steering.campaign(record(started(CAMPAIGN.replace("pace: 7", "pace: 100000"))))
    assert (steering.campaigns, book.campaigns) == ({"sale"}, {})
    steering.campaign(record(CampaignStop(type="campaign_stop", campaign_id="sale", at=NOON + 1)))
    assert steering.campaigns == set()
    steering.campaign(record(started(CAMPAIGN)))
    assert (steering.campaigns, list(book.campaigns)) == (set(), ["campaign/sale"])
    steering.campaign(record(None))

"""``content_available``: a lesson, article or piece of news on a topic that the user follows."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.catalogue import CONTENT, Change, ProductFacts
from processors.config import Priority, ScenarioConfig
from processors.copy import without_nothing
from processors.copy_names import of
from processors.moment import Moment
from processors.profile import Profile
from processors.scenarios.base import ASKED, Caring, NewsScenario
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.push import MessageClass


class ContentAvailableConfig(ScenarioConfig):
    copy_name: Annotated[str | None, Field(alias="copy")] = None
    message_class: Annotated[MessageClass, Field(alias="class")] = MessageClass.ASKED_FOR
    """Who follows a topic asked to be told; a shop that publishes all day may call it marketing."""
    topics: tuple[str, ...] = ()
    """Only of these; none: of every topic."""


class ContentAvailable(NewsScenario):
    config: ContentAvailableConfig
    speaks_of = of("content")
    ends_on = frozenset({e.TopicUnfollow})

    @property
    def priority(self) -> Priority:
        asked = self.config.message_class is MessageClass.ASKED_FOR
        return Priority.ASKED_FOR if asked else Priority.BROWSE

    @property
    def message_class(self) -> MessageClass:
        return self.config.message_class

    def wants(self, facts: ProductFacts, change: Change) -> bool:
        return facts.is_news and (not self.config.topics or facts.topic in self.config.topics)

    def interest(
        self, profile: Profile, facts: ProductFacts, change: Change, at: int
    ) -> Caring | None:
        since = profile.topics.get(facts.topic, 0)
        return Caring(ASKED, since, None, None) if 0 < since <= at else None

    def on_fact(
        self, turn: Turn, facts: ProductFacts, change: Change, caring: Caring
    ) -> Moment | None:
        return turn.open(self, facts.content_id, due=turn.at, data={"topic": facts.topic})

    def ended_by(self, turn: Turn, event: e.ShopEvent, entity: str) -> Reason | None:
        assert isinstance(event, e.TopicUnfollow)
        moment = turn.live(self.name, entity)
        gone = moment is not None and moment.data["topic"] == event.topic
        return Reason.INTEREST_GONE if gone else None

    def look(self, turn: Turn, moment: Moment) -> Reason | None:
        followed = turn.profile.topics.get(moment.data["topic"], 0) > 0
        return None if followed else Reason.INTEREST_GONE

    def context(self, turn: Turn, moment: Moment) -> Mapping[str, Any]:
        facts = turn.desk.product(CONTENT + moment.entity, turn.at)
        if facts is None:
            return {}
        said = {"topic": facts.topic, "title": facts.title, "url": facts.url}
        return {"content": {"id": moment.entity, **without_nothing(said)}}

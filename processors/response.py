"""What people do with what they are sent: what is remembered of displays and clicks."""

from processors import bounds
from processors.ids import short_hash
from processors.turn import Turn
from schemas.people import Interaction, InteractionKind


def remember_interaction(turn: Turn, interaction: Interaction) -> None:
    """Counts a display of marketing; a click, of whatever message, forgets those before it."""
    profile = turn.profile
    if interaction.type is InteractionKind.CLICKED:
        profile.clicked_at = max(profile.clicked_at, turn.at)
        profile.displays = [shown for shown in profile.displays if shown[1] > turn.at]
    elif interaction.type is InteractionKind.DISPLAYED and turn.at > profile.clicked_at:
        mark = short_hash(interaction.job_id)
        known = any(mark == shown for shown, _ in profile.displays)
        if not known and _is_marketing(turn, interaction.scenario):
            profile.displays = [*profile.displays, (mark, turn.at)][-bounds.MAX_DISPLAYS :]


def _is_marketing(turn: Turn, scenario: str) -> bool:
    return any(sent.marketing and sent.scenario == scenario for sent in turn.profile.sent)

"""What people do with what they are sent: what displays and clicks lead to."""

from processors import bounds, handoffs
from processors.attribution import touched
from processors.ids import short_hash
from processors.moment import Moment
from processors.reduce import touch
from processors.session import begin_session
from processors.turn import Turn
from schemas.decisions import Reason
from schemas.people import Interaction, InteractionKind


def answered(turn: Turn, interaction: Interaction) -> None:
    """A push was displayed, clicked or dismissed. A click is activity; with a dismissal it ends
    the later steps of what it answers."""
    _remember(turn, interaction)
    touched(turn, interaction)
    if interaction.type is InteractionKind.DISPLAYED:
        return
    profile, clicked = turn.profile, interaction.type is InteractionKind.CLICKED
    entity = next((p.entity for p in profile.pending if p.decision_id == interaction.job_id), None)
    if clicked:
        handoffs.clicked(turn, interaction.job_id)
    reason = Reason.CLICKED if clicked else Reason.DISMISSED
    for moment in list(profile.moments):
        if (
            moment.scenario == interaction.scenario
            and moment.step > 1
            and moment.opened_at <= turn.at
            and entity in (None, moment.entity)
            and not (clicked and _outlives_click(turn, moment))
        ):
            turn.end(moment, reason, turn.at)
    if clicked:
        sessions = profile.sessions
        touch(profile, turn.active_at)
        if profile.sessions != sessions:
            begin_session(turn)


def _outlives_click(turn: Turn, moment: Moment) -> bool:
    scenario = turn.scenario_of(moment)
    return scenario is not None and scenario.outlives_click


def _remember(turn: Turn, interaction: Interaction) -> None:
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

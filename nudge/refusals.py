"""What stands on the topics and this release refuses: scenario versions, campaigns.

Another release found it good. Workers leave it out, and go on by the version before.
"""

from nudge.controls import Controls
from processors.campaign_file import CampaignFileError, read
from processors.scenario_file import ScenarioFileError, load
from schemas.campaigns import CampaignStart
from schemas.control import ScenarioVersion

MEND_VERSION = "`nudge scenarios show` prints it: mend it and apply it."


def version_refused(version: ScenarioVersion) -> str | None:
    """Why workers do not read the version; ``None`` where they do."""
    try:
        load(version.yaml, f"version {version.version}", version.version, applied=True)
    except ScenarioFileError as error:
        return str(error)
    return None


def campaign_refused(start: CampaignStart) -> str | None:
    """Why workers do not read the campaign; ``None`` where they do."""
    try:
        read(start.yaml, start.campaign_id)
    except CampaignFileError as error:
        return str(error)
    return None


def decides(controls: Controls, now: int) -> ScenarioVersion | None:
    """The version that workers of this release decide by at ``now`` (ms)."""
    return next((one for one in controls.begun(now) if version_refused(one) is None), None)

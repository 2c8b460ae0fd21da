"""How hard Hypothesis looks: ``LAWS_EXAMPLES`` lives a law, the same ones every time."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "60"))

settings.register_profile(
    "laws",
    deadline=None,
    derandomize=True,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("laws")

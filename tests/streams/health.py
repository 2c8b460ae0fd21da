"""What a worker of a test says of itself to an orchestrator and to Prometheus."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from nudge.local.places import free_ports


class HealthPort:
    """Give ``environment`` to a worker; both questions block."""

    def __init__(self) -> None:
        (self._port,) = free_ports(1)
        self.environment: dict[str, Any] = {"NUDGE_HEALTH_PORT": str(self._port)}

    def checks(self) -> Mapping[str, str]:
        """What is not ready, and why, by the check's name; empty when all is."""
        try:
            answer = urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5).read()
        except HTTPError as error:
            answer = error.read()
        except OSError as error:
            return {"server": str(error)}
        checks = json.loads(answer)["checks"]
        return {name: said["detail"] for name, said in checks.items() if not said["ok"]}

    def samples(self, name: str) -> dict[tuple[str, ...], float]:
        """The values of a metric by its labels' values, in the order of the labels' names."""
        try:
            text = urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5).read().decode()
        except OSError as error:
            raise AssertionError("it does not serve yet") from error
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }

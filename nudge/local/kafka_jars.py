"""Apache Kafka's own jars through Maven, into ``.local/`` of the clone, once."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from nudge.local.errors import LocalStackError
from nudge.local.places import local_root, locked

KAFKA_VERSION = "4.1.1"
_POM = Path(__file__).with_name("kafka-pom.xml")
_CURE = (
    "Start Docker, or install Java 17 or newer and Maven"
    " (Debian and Ubuntu: apt-get install default-jre-headless maven; macOS: brew install maven)."
)


def java_command() -> str:
    """The ``java`` on the PATH.

    Raises:
        LocalStackError: there is none, or it is older than 17.
    """
    java = shutil.which("java")
    if java is None:
        raise LocalStackError(f"Kafka needs Java and there is none on the PATH. {_CURE}")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = _major_version(answer.stderr + answer.stdout)
    if version is not None and version < 17:
        raise LocalStackError(f"Kafka needs Java 17 or newer, {java} is {version}. {_CURE}")
    if answer.returncode != 0:
        raise LocalStackError(f"{java} does not run: {answer.stderr.strip()[:300]} {_CURE}")
    return java


def _major_version(banner: str) -> int | None:
    """17 from ``openjdk version "17.0.15" 2025-04-15``; 8 from ``"1.8.0_402"``."""
    _, _, rest = banner.partition('version "')
    parts = rest.split('"')[0].replace("-", ".").split(".")
    digits = parts[1] if parts[0] == "1" and len(parts) > 1 else parts[0]
    return int(digits) if digits.isdigit() else None


def kafka_jars(say: Callable[[str], None]) -> Path:
    """The directory that holds a broker's jars, fetched by Maven if they are not there yet.

    Raises:
        LocalStackError: Maven is missing or failed.
    """
    root = local_root()
    jars = root / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise LocalStackError(f"Kafka's jars come through Maven, and there is no mvn. {_CURE}")
    with locked(root / "kafka.lock"):
        if jars.is_dir():
            return jars
        say(f"fetching Apache Kafka {KAFKA_VERSION} through Maven into {jars} (45 MB, once)")
        partial = root / f"kafka-{KAFKA_VERSION}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        answer = subprocess.run(  # noqa: S603 - a fixed command
            [maven, "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies",
             f"-DoutputDirectory={partial}"],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if answer.returncode != 0:
            said = (answer.stdout + answer.stderr).strip()[-1500:]
            raise LocalStackError(
                "Maven could not fetch Kafka; is Maven Central (or your mirror) reachable?\n" + said
            )
        partial.rename(jars)
    return jars

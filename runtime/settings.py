"""Settings from the environment (``NUDGE_…``) or a ``.env`` file, one class a concern."""

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.topics import Topic, topic_name


class Settings(BaseSettings):
    """The base of every settings class. Unknown variables are another process's and are ignored."""

    model_config = SettingsConfigDict(
        env_prefix="NUDGE_", env_file=".env", extra="ignore", frozen=True
    )


class KafkaSettings(Settings):
    """How to reach the cluster, and which deployment on it is ours."""

    kafka_bootstrap: str = Field("localhost:9092", description="host:port, comma-separated")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = Field(None, description="PEM of the authority; system's if unset")
    kafka_cert_file: Path | None = Field(None, description="PEM of the client's certificate")
    kafka_key_file: Path | None = Field(None, description="PEM of the client's key")
    namespace: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$",
        description="prefixes topics, groups and Redis keys: one a shop",
    )

    @model_validator(mode="after")
    def _sasl_needs_a_user(self) -> "KafkaSettings":
        if self.kafka_security.startswith("SASL") and not (
            self.kafka_username and self.kafka_password
        ):
            raise ValueError(
                f"NUDGE_KAFKA_SECURITY={self.kafka_security} needs NUDGE_KAFKA_USERNAME"
                " and NUDGE_KAFKA_PASSWORD"
            )
        return self

    def topic(self, topic: Topic) -> str:
        """The topic's name on the cluster, namespace included."""
        return topic_name(topic, self.namespace)

    def group(self, name: str) -> str:
        """A consumer group's or transactional id's name, namespace included."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def ssl_context(self) -> ssl.SSLContext | None:
        """``None`` where the connection is not encrypted."""
        if self.kafka_security not in ("SSL", "SASL_SSL"):
            return None
        context = ssl.create_default_context(cafile=self.kafka_ca_file)
        if self.kafka_cert_file:
            context.load_cert_chain(self.kafka_cert_file, self.kafka_key_file)
        return context

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for every aiokafka client."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap,
            "security_protocol": self.kafka_security,
        }
        if (context := self.ssl_context()) is not None:
            options["ssl_context"] = context
        if self.kafka_security.startswith("SASL"):
            assert self.kafka_username
            assert self.kafka_password
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_username,
                "sasl_plain_password": self.kafka_password.get_secret_value(),
            }
        return options


class RedisSettings(Settings):
    """How to reach Redis: ``redis://`` or ``rediss://`` (TLS), user and password in the URL."""

    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    redis_ca_file: Path | None = None
    namespace: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$")

    def redis_options(self) -> dict[str, Any]:
        """Keyword arguments for ``redis.asyncio.Redis.from_url`` beside the URL."""
        if self.redis_url.get_secret_value().startswith("rediss://") and self.redis_ca_file:
            return {"ssl_ca_certs": str(self.redis_ca_file)}
        return {}

    def redis_key(self, *parts: str) -> str:
        """``nudge:<part>:…``, with the namespace first where there is one."""
        head = f"{self.namespace}:nudge" if self.namespace else "nudge"
        return ":".join((head, *parts))


class ObservabilitySettings(Settings):
    """Logs and the port of ``/metrics``, ``/healthz`` and ``/readyz``."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, json elsewhere"
    )
    health_host: str = "127.0.0.1"
    health_port: int = Field(0, ge=0, le=65535, description="0: no health server")

"""Settings from the environment (``NUDGE_…``) or a ``.env`` file, one class a concern."""

import os
import ssl
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.topics import Topic, topic_name


class Settings(BaseSettings):
    """The base of every settings class. Unknown variables are another process's and are ignored."""

    model_config = SettingsConfigDict(
        env_prefix="NUDGE_", env_file=".env", extra="ignore", frozen=True
    )


def check_file(name: str, path: Path | None) -> None:
    """Raises:
    ValueError: ``path`` is no file that can be read.
    """
    if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
        raise ValueError(f"NUDGE_{name.upper()}: {path} is no file that can be read")


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

    @field_validator("kafka_bootstrap")
    @classmethod
    def _is_hosts_and_ports(cls, text: str) -> str:
        for broker in text.split(","):
            try:
                place = urlsplit(f"//{broker.strip()}")
                good = bool(place.hostname) and place.port != 0
            except ValueError:
                good = False
            if not good:
                raise ValueError(f"{broker.strip()!r} is no host:port")
        return text

    @model_validator(mode="after")
    def _certificates_load(self) -> "KafkaSettings":
        if self.kafka_security in ("SSL", "SASL_SSL"):
            for name in ("kafka_ca_file", "kafka_cert_file", "kafka_key_file"):
                check_file(name, getattr(self, name))
            try:
                self.ssl_context()
            except OSError as error:  # what the ssl module raises, too
                raise ValueError(f"NUDGE_KAFKA_…_FILE: no usable PEM: {error}") from None
        return self

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


def without_password(url: str) -> str:
    """A URL without its user and password, for people."""
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


class RedisSettings(Settings):
    """How to reach Redis: ``redis://`` or ``rediss://`` (TLS), user and password in the URL."""

    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    redis_ca_file: Path | None = None
    namespace: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$")

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis_url(cls, url: SecretStr) -> SecretStr:
        from redis.asyncio.connection import parse_url

        try:
            parse_url(url.get_secret_value())
        except ValueError:
            # What is wrong with it may be the password's: it is not repeated.
            raise ValueError(
                "no URL like redis://user:password@host:6379/0 (rediss:// for TLS; what is special"
                " in a password as %2F and the like)"
            ) from None
        return url

    @model_validator(mode="after")
    def _authority_loads(self) -> "RedisSettings":
        if (file := self.redis_options().get("ssl_ca_certs")) is not None:
            check_file("redis_ca_file", Path(file))
            try:
                ssl.create_default_context(cafile=file)
            except OSError as error:
                raise ValueError(f"NUDGE_REDIS_CA_FILE: no usable PEM: {error}") from None
        return self

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

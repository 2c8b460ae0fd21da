"""Settings as ops may print them."""

from runtime.masking import shown
from runtime.settings import KafkaSettings, RedisSettings


def test_settings_are_shown_by_their_variables_without_passwords() -> None:
    kafka = KafkaSettings.model_validate(
        {
            "kafka_bootstrap": "broker:9092",
            "kafka_security": "SASL_SSL",
            "kafka_username": "shop",
            "kafka_password": "sesame",
        }
    )

    lines = shown(kafka)

    assert lines["NUDGE_KAFKA_BOOTSTRAP"] == "broker:9092"
    assert lines["NUDGE_KAFKA_USERNAME"] == "shop"
    assert lines["NUDGE_KAFKA_PASSWORD"] == "***"


def test_a_redis_url_keeps_its_host_and_loses_its_password() -> None:
    redis = RedisSettings.model_validate({"redis_url": "rediss://me:sesame@cache:6380/1"})

    assert shown(redis)["NUDGE_REDIS_URL"] == "rediss://***@cache:6380/1"

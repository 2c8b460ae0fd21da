"""A Kafka and a Redis on this machine, for the demo, the tests and the benchmarks."""

from nudge.local.errors import LocalStackError
from nudge.local.kafka import LocalKafka
from nudge.local.redis import LocalRedis
from nudge.local.stack import LocalStack

__all__ = ["LocalKafka", "LocalRedis", "LocalStack", "LocalStackError"]

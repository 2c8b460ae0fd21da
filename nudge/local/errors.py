"""The one error of the local stack: what is wrong here, and its cure."""


class LocalStackError(RuntimeError):
    """Kafka or Redis cannot be started on this machine; the message names cause and cure."""

"""Metrics: a closed list of names, each made once."""

import re

import pytest
from prometheus_client import generate_latest

from runtime.metrics import REGISTRY, Metric, _made, counter, gauge, histogram


@pytest.mark.parametrize("name", list(Metric))
def test_every_name_is_a_metric_that_prometheus_accepts(name: Metric) -> None:
    made = _made(name)

    assert made is _made(name)
    assert re.fullmatch(r"nudge_[a-z][a-z0-9_]*", name)
    assert made._type != "counter" or name.endswith("_total")


def test_asking_for_the_wrong_kind_is_an_error() -> None:
    with pytest.raises(TypeError, match="nudge_lag_records is a gauge"):
        counter(Metric.LAG)
    with pytest.raises(TypeError, match="counter"):
        gauge(Metric.EVENTS)
    with pytest.raises(TypeError, match="counter"):
        histogram(Metric.EVENTS)


def test_a_decision_is_counted_under_its_reason() -> None:
    counter(Metric.DECISIONS).labels("cart_abandoned", "dropped", "purchased").inc()

    text = generate_latest(REGISTRY).decode()

    assert (
        'nudge_decisions_total{outcome="dropped",reason="purchased",scenario="cart_abandoned"} 1.0'
        in text
    )
    assert "_created" not in text


def test_a_label_that_was_not_declared_is_an_error() -> None:
    with pytest.raises(ValueError, match="label"):
        counter(Metric.DECISIONS).labels(user="ada")

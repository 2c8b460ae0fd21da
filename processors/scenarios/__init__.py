"""The scenarios: one small file each. A new one stands here and in :data:`KINDS`."""

from collections.abc import Callable
from typing import Any

from processors.config import (
    AfterEventConfig,
    BackInStockConfig,
    CartConfig,
    PriceDropConfig,
    ScenarioConfig,
)
from processors.scenarios.after_event import AfterEvent
from processors.scenarios.back_in_stock import BackInStock
from processors.scenarios.base import Scenario
from processors.scenarios.cart_abandoned import CartAbandoned
from processors.scenarios.checkout_abandoned import CheckoutAbandoned
from processors.scenarios.content_available import ContentAvailable, ContentAvailableConfig
from processors.scenarios.price_drop import PriceDrop
from processors.scenarios.reminder import Reminder, ReminderConfig
from processors.scenarios.reorder import Reorder, ReorderConfig

KINDS: dict[str, tuple[type[ScenarioConfig], Callable[[str, Any], Scenario]]] = {
    "cart_abandoned": (CartConfig, CartAbandoned),
    "checkout_abandoned": (CartConfig, CheckoutAbandoned),
    "price_drop": (PriceDropConfig, PriceDrop),
    "back_in_stock": (BackInStockConfig, BackInStock),
    "after_event": (AfterEventConfig, AfterEvent),
    "reminder": (ReminderConfig, Reminder),
    "reorder": (ReorderConfig, Reorder),
    "content_available": (ContentAvailableConfig, ContentAvailable),
}
"""What ``use:`` may name: the model of its settings, and what makes it."""

"""The scenarios: one small file each. A new one stands here and in :data:`KINDS`."""

from collections.abc import Callable
from typing import Any

from processors.config import ScenarioConfig
from processors.scenarios.after_event import AfterEvent, AfterEventConfig
from processors.scenarios.back_in_stock import BackInStock, BackInStockConfig
from processors.scenarios.base import Scenario
from processors.scenarios.browse_abandoned import BrowseAbandoned, BrowseAbandonedConfig
from processors.scenarios.cart_abandoned import CartAbandoned
from processors.scenarios.cart_family import CartConfig
from processors.scenarios.checkout_abandoned import CheckoutAbandoned
from processors.scenarios.content_available import ContentAvailable, ContentAvailableConfig
from processors.scenarios.delivery_cost import DeliveryCost, DeliveryCostConfig
from processors.scenarios.drifting import Drifting, DriftingConfig
from processors.scenarios.hesitation import Hesitation, HesitationConfig
from processors.scenarios.high_value import HighValue, HighValueConfig
from processors.scenarios.low_stock import LowStock, LowStockConfig
from processors.scenarios.new_in_category import NewInCategory, NewInCategoryConfig
from processors.scenarios.new_user_popular import NewUserPopular, NewUserPopularConfig
from processors.scenarios.price_drop import PriceDrop, PriceDropConfig
from processors.scenarios.reminder import Reminder, ReminderConfig
from processors.scenarios.reorder import Reorder, ReorderConfig
from processors.scenarios.viewed_reminder import ViewedReminder, ViewedReminderConfig
from processors.scenarios.winback import Winback, WinbackConfig
from processors.scenarios.wishlist_reminder import WishlistReminder, WishlistReminderConfig

KINDS: dict[str, tuple[type[ScenarioConfig], Callable[[str, Any], Scenario]]] = {
    "cart_abandoned": (CartConfig, CartAbandoned),
    "checkout_abandoned": (CartConfig, CheckoutAbandoned),
    "price_drop": (PriceDropConfig, PriceDrop),
    "back_in_stock": (BackInStockConfig, BackInStock),
    "after_event": (AfterEventConfig, AfterEvent),
    "reminder": (ReminderConfig, Reminder),
    "reorder": (ReorderConfig, Reorder),
    "content_available": (ContentAvailableConfig, ContentAvailable),
    "browse_abandoned": (BrowseAbandonedConfig, BrowseAbandoned),
    "delivery_cost": (DeliveryCostConfig, DeliveryCost),
    "drifting": (DriftingConfig, Drifting),
    "hesitation": (HesitationConfig, Hesitation),
    "high_value": (HighValueConfig, HighValue),
    "low_stock": (LowStockConfig, LowStock),
    "new_in_category": (NewInCategoryConfig, NewInCategory),
    "new_user_popular": (NewUserPopularConfig, NewUserPopular),
    "viewed_reminder": (ViewedReminderConfig, ViewedReminder),
    "winback": (WinbackConfig, Winback),
    "wishlist_reminder": (WishlistReminderConfig, WishlistReminder),
}
"""What ``use:`` may name: the model of its settings, and what makes it."""

"""Which push an order is credited to: the last one clicked within the window, else shown.

One order credits one push. What the profile remembers of clicks, displays and credit is bounded;
credit is told in differences, so that whoever sums it up need remember nothing.
"""

from processors import bounds
from processors.caps import kind_of_sent
from processors.config import Priority
from processors.ids import short_hash
from processors.traces import Credit, Order, Touched
from processors.turn import Turn
from schemas import structs as e
from schemas.aftermath import Attribution, CreditCause, Touch
from schemas.people import Interaction, InteractionKind

_ALL = -1


def touched(turn: Turn, interaction: Interaction) -> None:
    """A push was displayed or clicked; it may be what an order that is known already came of."""
    if interaction.type is InteractionKind.DISMISSED or not _sells(turn, interaction.scenario):
        return
    clicked = interaction.type is InteractionKind.CLICKED
    touch = Touched(turn.at, clicked, interaction.job_id, interaction.scenario)
    profile, window = turn.profile, turn.rules.policy.attribution_window
    if any(t.job_id == touch.job_id and t.clicked is clicked for t in profile.touches):
        return
    known = sorted((*profile.touches, touch), key=lambda t: t.at)
    recent = [t for t in known if known[-1].at - t.at <= window]
    clicks = [t for t in recent if t.clicked][-bounds.MAX_CLICKS :]
    shown = [t for t in recent if not t.clicked][-bounds.MAX_SHOWN :]
    profile.touches = sorted((*clicks, *shown), key=lambda t: t.at)
    for order in profile.orders:
        if touch.at <= order.at <= touch.at + window:
            _credit(turn, order)


def _sells(turn: Turn, scenario: str) -> bool:
    """An order's own news leads to no order."""
    return any(
        sent.scenario == scenario and kind_of_sent(turn.rules, sent) is not Priority.TRANSACTIONAL
        for sent in turn.profile.sent
    )


def ordered(turn: Turn, event: e.Purchase) -> None:
    """A new order is credited, if any push led to it."""
    for order in turn.profile.orders:
        if order.order_id == event.order_id and order.at == event.occurred_at:
            _credit(turn, order)


def refunded(turn: Turn, event: e.Refund) -> None:
    """What is paid back is taken from who has the credit, or gets it when the order is told."""
    amount = _ALL if event.value is None else event.value
    for credit in turn.profile.credits:
        if credit.order_id == event.order_id:
            _pay_back(turn, credit, amount)
    refund = short_hash(event.order_id), amount
    turn.profile.refunds = [*turn.profile.refunds, refund][-bounds.MAX_REFUNDS :]


def _pay_back(turn: Turn, credit: Credit, amount: int) -> None:
    """Never more than the credit was."""
    amount = credit.value if amount == _ALL else min(amount, credit.value)
    if amount:
        _tell(turn, credit, CreditCause.REFUND, -amount, turn.at)
        credit.value -= amount


def _credit(turn: Turn, order: Order) -> None:
    window = turn.rules.policy.attribution_window
    before = [t for t in turn.profile.touches if order.at - window <= t.at <= order.at]
    last = max(before, key=lambda t: (t.clicked, t.at), default=None)
    if last is None:
        return
    old = next((c for c in turn.profile.credits if c.order_id == order.order_id), None)
    value, cause = order.value, CreditCause.ORDER
    if old is not None:
        if (old.clicked, old.touched_at) >= (last.clicked, last.at):
            return
        value, cause = old.value, CreditCause.CORRECTED
        _tell(turn, old, cause, -value, order.at)
        turn.profile.credits.remove(old)
    credit = Credit(
        order.order_id, last.job_id, last.scenario, last.clicked, last.at, value, order.currency
    )
    _tell(turn, credit, cause, value, order.at)
    turn.profile.credits = [*turn.profile.credits, credit][-bounds.MAX_CREDITS :]
    if old is None and turn.profile.refunds:
        mark = short_hash(order.order_id)
        for known, amount in turn.profile.refunds:
            if known == mark:
                _pay_back(turn, credit, amount)


def _tell(turn: Turn, credit: Credit, cause: CreditCause, value: int, at: int) -> None:
    turn.desk.effects.attributions.append(
        Attribution(
            user_id=turn.key,
            order_id=credit.order_id,
            job_id=credit.job_id,
            scenario=credit.scenario,
            touch=Touch.CLICK if credit.clicked else Touch.VIEW,
            cause=cause,
            value=value,
            currency=credit.currency,
            at=at,
            touched_at=credit.touched_at,
        )
    )

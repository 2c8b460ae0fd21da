"""``nudge erase``: forgets a user."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from gateway.person.forgetting import Forgotten
    from gateway.person.held import Held
    from nudge.rights import Remains


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "erase",
        rich_help_panel=section,
        epilog=examples(
            "nudge erase anna --dry-run     # what would go, and what stays for how long",
            "nudge erase anna",
            "nudge erase anna --yes --json",
        ),
    )(erase)


def erase(
    user: Annotated[str, typer.Argument(help="A user id, or an anonymous id.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go and what would stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[str, typer.Option(help="How long the worker may take.")] = "60s",
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Forget a user: profile, browsers, inbox, what is on its way. It cannot be undone.

    The browsers that logged in as them are forgotten too. Waits until the worker has done it;
    safe to repeat. What stands on append-only topics stays until Kafka deletes it: that is named
    with its date (docs/rights.md).
    """
    import asyncio

    from nudge.when import duration_ms

    asyncio.run(_erase(user, dry_run, yes, json, duration_ms(wait) / 1000))


async def _erase(user: str, dry_run: bool, yes: bool, json: bool, patience_s: float) -> None:
    from gateway.person.forgetting import MovedError, NotYetError, forget
    from nudge.problem import Problem
    from nudge.rights import find, remains, ways

    async with ways() as open_ways:
        kafka = open_ways.kafka
        held = await find(open_ways, user)
        stays = await remains(kafka, held)
        if dry_run:
            _answer(json, _plan(held, stays), _plan_words(held, stays))
            return
        if not yes:
            _ask(held)
        try:
            done = await forget(kafka, open_ways.redis, open_ways.names, held, patience_s)
        except MovedError as error:
            raise Problem(
                f"{user} has logged in as {error.user}: it is one person with that user.",
                f"nudge erase {error.user}",
            ) from None
        except NotYetError as error:
            raise Problem(
                f"The worker has not forgotten {error} within {patience_s:.0f} s. The request"
                " stands in Kafka and is done when a worker comes to it.",
                "Look whether `nudge worker` runs, then run this again to finish.",
            ) from None
    _answer(json, _done(done, stays), _done_words(done, stays))


def _ask(held: "Held") -> None:
    import sys

    from nudge.problem import usage_problem
    from nudge.terminal import console, note

    if not sys.stdin.isatty():
        raise usage_problem("This cannot be undone, and there is nobody to ask.", "Add --yes.")
    note(_plan_words(held, []))
    console(stderr=True).print("Type the id again to forget them for good: ", end="")
    if sys.stdin.readline().strip() != held.user:
        raise usage_problem("That is another id: nothing was done.")


def _answer(json: bool, content: dict[str, Any], words: str) -> None:
    from nudge.terminal import say, say_json

    if json:
        say_json(content)
    else:
        say(words)


def _stays(stays: "list[Remains]") -> list[dict[str, Any]]:
    return [{"topic": r.topic, "records": r.count, "until": r.until} for r in stays]


def _plan(held: "Held", stays: "list[Remains]") -> dict[str, Any]:
    return {
        "user_id": held.user,
        "anonymous_ids": list(held.anonymous_ids),
        "profiles": sorted(held.rows),
        "subscriptions": sorted(held.subscriptions),
        "redis": sorted(held.redis),
        "stays": _stays(stays),
    }


def _plan_words(held: "Held", stays: "list[Remains]") -> str:
    from nudge.rights import in_words

    goes = in_words((
        (len(held.rows), "profile"), (len(held.subscriptions), "subscription"),
        (len(held.redis), "key"),
    ))  # fmt: skip
    lines = [f"{held.user}: would go: {goes}"]
    if held.anonymous_ids:
        lines.append(f"  with the browsers {', '.join(held.anonymous_ids)}")
    return _joined([*lines, *_stay_words(stays)])


def _done(done: "Forgotten", stays: "list[Remains]") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(done), "stays": _stays(stays)}


def _done_words(done: "Forgotten", stays: "list[Remains]") -> str:
    from nudge.rights import in_words
    from nudge.when import rfc3339

    when = rfc3339(done.erased_at)
    said = f"was forgotten already, at {when}" if done.already else f"forgotten at {when}"
    gone = in_words(((done.subscriptions, "subscription"), (done.redis_keys, "key")))
    lines = [f"{done.user}: {said}; gone with it: {gone}"]
    if done.anonymous_ids:
        lines.append(f"  and the browsers {', '.join(done.anonymous_ids)}")
    return _joined([*lines, *_stay_words(stays)])


def _stay_words(stays: "list[Remains]") -> list[str]:
    if not stays:
        return []
    return ["Records that stay on append-only topics until Kafka deletes them:"] + [
        f"  {each.words()}" for each in stays
    ]


def _joined(lines: list[str]) -> str:
    from nudge.terminal import plain

    return "\n".join(plain(line) for line in lines)

"""``nudge replay``: what the rules would have said, on real history, without sending anything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.comparison import Tally
    from processors.rule_book import RuleBook
    from schemas.control import VoucherBatch

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        help="JSON lines of wire events, or as tap --json writes them, in order of arrival.",
        exists=True,
    ),
]
Scenarios = Annotated[
    Path | None,
    typer.Option(help="The scenario file; the shipped one if not given.", exists=True),
]
Compare = Annotated[
    Path | None,
    typer.Option(help="A second scenario file: says what it would change.", exists=True),
]
Until = Annotated[
    str | None,
    typer.Option(help="Move the clock on to this time after the last event (RFC 3339 or ms)."),
]
Out = Annotated[
    str,
    typer.Option(help="Where the decisions go, one a line; - is stdout, none is nowhere."),
]
Partitions = Annotated[
    int, typer.Option(min=1, help="Partitions of the deployment that files were tapped from.")
]
Grace = Annotated[str, typer.Option(help="How long live input is waited for.")]
FromTopics = Annotated[bool, typer.Option("--from-topics", help="Read Kafka instead of files.")]
Vouchers = Annotated[
    list[str] | None,
    typer.Option(help="POOL=FILE: codes, one a line, that the pool holds from the beginning."),
]
Campaigns = Annotated[
    list[Path] | None,
    typer.Option("--campaign", help="A campaign's file: started at its time.", exists=True),
]
Reachable = Annotated[
    bool | None,
    typer.Option(
        "--reachable/--everybody",
        help="Judge only users who have a browser in the history: faster. Not given: everybody,"
        " with --compare --out none the reachable.",
    ),
]
Html = Annotated[
    Path | None, typer.Option(help="With --compare: write a page with plots to this file.")
]
Since = Annotated[
    str | None,
    typer.Option(help="With --from-topics: list decisions from then on (30d, 1h, a time)."),
]


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "replay",
        rich_help_panel=section,
        epilog=examples(
            "nudge replay events.jsonl --until 2026-03-01T12:00:00Z",
            "nudge replay events.jsonl --scenarios mine.yaml --out decisions.jsonl",
            "nudge replay events.jsonl --scenarios now.yaml --compare next.yaml --out none",
            "nudge replay events.jsonl --campaign spring.yaml --until 2026-03-03T12:00:00Z",
            "nudge tap events catalog subscriptions interactions --from-start --json > all.jsonl",
            "nudge replay all.jsonl --partitions 24 --scenarios next.yaml",
            "nudge replay --from-topics --since 30d --scenarios next.yaml",
            "nudge replay --from-topics --since 30d --compare next.yaml --out none --html dry.html",
        ),
    )(replay)


def replay(
    context: typer.Context,
    files: Files = None,
    scenarios: Scenarios = None,
    compare: Compare = None,
    until: Until = None,
    out: Out = "-",
    partitions: Partitions = 24,
    grace: Grace = "5s",
    from_topics: FromTopics = False,
    since: Since = None,
    vouchers: Vouchers = None,
    campaign: Campaigns = None,
    reachable: Reachable = None,
    html: Html = None,
) -> None:
    """Decide again, on history: the same rules, the same decisions, nothing sent.

    The clock is the newest time read; --until moves it past the last event, so that what is
    still waiting comes due. A line is a wire event, which may carry recorded_at, the time it
    arrived; or a record of a topic, as nudge tap --json writes it. Everybody counts as reachable
    and consenting, unless the files hold subscriptions: then it is who has one, as live. Writes
    decisions as JSON lines, as live; what cannot be read is named on standard error and passed
    over.

    What tap wrote is decided, anywhere and without Kafka, as --from-topics would, given as many
    --partitions as the topics have. Campaigns and voucher codes are heeded where they were tapped
    too (campaigns, scenarios); decisions, jobs and results are not: a replay makes its own.

    With --compare the history is read once and judged by both files: who newly gets or loses a
    message, when, which caps were hit, what would be said. With --out none users who never have a
    browser in the history are left out then, as with --reachable: nobody's messages depend on
    them, and it takes a fraction of the time. Their silences (not_subscribed), and what the next
    channel would say to them, are missing; --everybody judges them too.
    """
    from nudge.problem import usage_problem
    from nudge.replay.run import Plan, run_plan
    from nudge.when import duration_ms, moment_ms, now_ms, since_ms

    if bool(files) == from_topics:
        raise usage_problem("Give files, or --from-topics", "`nudge replay --help` shows both.")
    if since is not None and not from_topics:
        raise usage_problem("--since goes with --from-topics", "A file is read whole.")
    books = [_book(scenarios), *([_book(compare)] if compare else [])]
    if reachable is None:
        reachable = compare is not None and out == "none" and _nobody_shares(books)
    elif reachable:
        _check_reachable(books)
    if html is not None and compare is None:
        raise usage_problem("--html goes with --compare", "Name the second scenario file.")
    plan = Plan(
        files=files or [],
        books=books,
        until=None if until is None else moment_ms(until, now=now_ms()),
        since=None if since is None else since_ms(since, now=now_ms()),
        partitions=partitions,
        grace_ms=duration_ms(grace),
        vouchers=[batch for one in vouchers or [] for batch in _codes(one)],
        campaigns=[_campaign(path, books[0]) for path in campaign or []],
        reachable=reachable,
    )
    with _output(out) as write:
        runs = run_plan(plan, write)
    if compare is not None:
        names = (scenarios.name if scenarios else "the shipped file", compare.name)
        before, after = (run.tally for run in runs)
        for tally, name in zip((before, after), names, strict=True):
            tally.version = f"{name} ({tally.version})"
        _tell_comparison(before, after, html)
    if context.obj is not None:
        context.obj()  # before `runs` goes: to free it takes a tenth as long as it took to judge


def _codes(said: str) -> "list[VoucherBatch]":
    from nudge import vouchers
    from nudge.problem import usage_problem

    pool, _, path = said.partition("=")
    if not pool or not path:
        raise usage_problem(
            f"--vouchers {said} is no pool and its file", "Write --vouchers POOL=FILE."
        )
    codes = vouchers.read_codes(vouchers.lines_of(Path(path)))
    return list(vouchers.batches(pool, codes, vouchers.Worth(None, None, None), 0))


def _campaign(path: Path, book: "RuleBook") -> str:
    from nudge.campaigns import read_file

    return read_file(path, book.at(0))[0]


def _book(path: Path | None) -> "RuleBook":
    from nudge.rule_files import scenario_file
    from processors.rule_book import RuleBook

    book = RuleBook()
    book.add(scenario_file(path)[1], 0)
    return book


def _sharing(books: "list[RuleBook]") -> str | None:
    """A scenario in which who has no browser takes a place in a wave."""
    news = (scenario for book in books for scenario in book.at(0).news)
    return next((scenario.name for scenario in news if scenario.shares_a_wave), None)


def _nobody_shares(books: "list[RuleBook]") -> bool:
    from nudge.terminal import note

    if (name := _sharing(books)) is not None:
        note(f"Everybody is judged: {name} hands on to the next channel.")
    return name is None


def _check_reachable(books: "list[RuleBook]") -> None:
    from nudge.problem import usage_problem

    if (name := _sharing(books)) is not None:
        raise usage_problem(
            f"--reachable cannot leave anybody out: {name} hands on to the next channel, so that"
            " who has no browser takes a place in its wave",
            "Judge everybody, without --reachable.",
        )


@contextmanager
def _output(name: str) -> "Iterator[Callable[[bytes], None] | None]":
    """Writes lines to standard output (``-``), a file, or nowhere (``none``)."""
    import sys

    if name == "none":
        yield None
    elif name == "-":
        sys.stdout.flush()
        yield lambda line: sys.stdout.buffer.writelines((line, b"\n"))
    else:
        with Path(name).open("wb") as file:
            yield lambda line: file.writelines((line, b"\n"))


def _tell_comparison(before: "Tally", after: "Tally", html: Path | None) -> None:
    from nudge.compare_view import page, show
    from nudge.comparison import Comparison
    from nudge.terminal import note, plain

    comparison = Comparison(before, after)
    show(comparison)
    if html is not None:
        html.write_text(page(comparison), encoding="utf-8")
        note(f"written: {plain(str(html))}")

"""``python -m runtime.probe URL``: a container's health check, for images without curl.

Exits with 0 when the URL answers 200 within five seconds, else with 1 and what was answered.
"""

import sys
import urllib.error
import urllib.request

_DEADLINE_S = 5.0


def probe(url: str) -> str | None:
    """``None`` when ``url`` answers 200, else what is wrong."""
    if not url.startswith(("http://", "https://")):
        return f"not an http URL: {url}"
    try:
        with urllib.request.urlopen(url, timeout=_DEADLINE_S) as answer:  # noqa: S310 - checked above
            return None if answer.status == 200 else f"{url} answered {answer.status}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{url} answered {error.code}: {error.read(2000).decode(errors='replace')}"
    except OSError as error:
        return f"{url}: {error}"


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m runtime.probe URL", file=sys.stderr)
        return 2
    wrong = probe(sys.argv[1])
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs a server that must not outlive its starter, however the starter dies.

``python leash.py COMMAND…``: standard input is a pipe that the starter holds open. When it closes
the server is asked to end (SIGTERM), and killed ten seconds later if it has not. SIGUSR1 kills it
at once. The leash ends only when the server has, so that whoever waits for one waits for both.
"""

import signal
import subprocess
import sys
import threading

_PATIENCE_S = 10.0


def _end_with_starter(server: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    server.terminate()
    try:
        server.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()


def main(command: list[str]) -> int:
    # A handler, not SIG_IGN: the server would inherit that. Signals go to the whole group, and the
    # leash stays until the server has ended.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - its whole purpose
    signal.signal(signal.SIGUSR1, lambda *_: server.kill())
    threading.Thread(target=_end_with_starter, args=(server,), daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A desktop in the place of GNOME's: a D-Bus session that shows what browsers notify of.

Firefox and Chromium speak to ``org.freedesktop.Notifications``; this one remembers every
notification, and a test may click or close one as a person would.
"""

# D-Bus signatures stand where type annotations do.
# ruff: noqa: F722, F821, N802

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

from tests.harness.waiting import eventually

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_DISMISSED, _BY_CALL = 2, 3


@dataclass(slots=True)
class Shown:
    """A notification on the screen, newest words first."""

    number: int
    title: str
    body: str
    actions: tuple[str, ...]
    """Keys and labels, one after the other."""
    closed: bool = False


class _Notifications(ServiceInterface):
    """https://specifications.freedesktop.org/notification-spec/"""

    def __init__(self) -> None:
        super().__init__("org.freedesktop.Notifications")
        self.shown: list[Shown] = []
        self._last = 0

    @dbus_method()
    def Notify(
        self,
        app: "s",  # type: ignore[name-defined]
        replaces: "u",  # type: ignore[name-defined]
        icon: "s",  # type: ignore[name-defined]
        title: "s",  # type: ignore[name-defined]
        body: "s",  # type: ignore[name-defined]
        actions: "as",  # type: ignore[valid-type]
        hints: "a{sv}",  # type: ignore[valid-type]
        timeout: "i",  # type: ignore[name-defined]
    ) -> "u":  # type: ignore[name-defined]
        self._last += 1
        number = replaces or self._last
        for old in self.shown:
            old.closed |= old.number == number
        self.shown.append(Shown(number, title, body, tuple(actions)))
        return number

    @dbus_method()
    def CloseNotification(self, number: "u"):  # type: ignore[name-defined, no-untyped-def]
        self.close(number, _BY_CALL)

    @dbus_method()
    def GetCapabilities(self) -> "as":  # type: ignore[valid-type]
        return ["actions", "body"]

    @dbus_method()
    def GetServerInformation(self) -> "ssss":  # type: ignore[name-defined]
        return ["desk", "tests", "1", "1.2"]

    @dbus_signal()
    def NotificationClosed(self, number: int, why: int) -> "uu":  # type: ignore[name-defined]
        return [number, why]

    @dbus_signal()
    def ActionInvoked(self, number: int, action: str) -> "us":  # type: ignore[name-defined]
        return [number, action]

    def close(self, number: int, why: int) -> None:
        for old in self.shown:
            old.closed |= old.number == number
        self.NotificationClosed(number, why)


class Desktop:
    """Use as an async context manager; give ``environment`` to the browser."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._notifications = _Notifications()
        self._daemon: asyncio.subprocess.Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._socket}"}

    @property
    def _socket(self) -> Path:
        return self._home / "bus"

    @property
    def shown(self) -> list[Shown]:
        """Every notification there ever was, oldest first."""
        return self._notifications.shown

    @property
    def on_screen(self) -> list[Shown]:
        return [each for each in self.shown if not each.closed]

    async def __aenter__(self) -> Self:
        config = self._home / "bus.conf"
        config.write_text(_CONFIG.format(socket=self._socket))
        self._daemon = await asyncio.create_subprocess_exec(
            "dbus-daemon", "--config-file", str(config), "--nofork", "--nopidfile"
        )
        bus: Any = await eventually(self._connect)
        self._bus: MessageBus = bus
        self._bus.export("/org/freedesktop/Notifications", self._notifications)
        await self._bus.request_name("org.freedesktop.Notifications")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bus.disconnect()
        assert self._daemon is not None
        self._daemon.terminate()
        await self._daemon.wait()

    async def _connect(self) -> MessageBus | None:
        try:
            return await MessageBus(bus_address=f"unix:path={self._socket}").connect()
        except OSError:
            return None

    async def sees(self, title: str, deadline_s: float = 60.0) -> Shown:
        """Waits for a notification with this title on the screen."""

        def found() -> Shown | None:
            return next((each for each in self.on_screen if each.title == title), None)

        shown: Any = await eventually(found, deadline_s, what=f"a notification {title!r}")
        assert isinstance(shown, Shown)
        return shown

    def click(self, shown: Shown, action: str = "default") -> None:
        """As a person clicks it; the notification goes away, as on a real desktop."""
        self._notifications.ActionInvoked(shown.number, action)
        self._notifications.close(shown.number, _DISMISSED)

    def dismiss(self, shown: Shown) -> None:
        """As a person wipes it away."""
        self._notifications.close(shown.number, _DISMISSED)

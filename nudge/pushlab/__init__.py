"""A push service of our own, for the demo, the tests and the bench: real keys, real checks.

It plays the part of Mozilla's and Google's push services: hands out subscriptions whose private
keys it keeps as a browser would, verifies VAPID (RFC 8292) and the headers of RFC 8030, decrypts
(RFC 8291), counts every POST, and misbehaves when told to.
"""

from nudge.pushlab.api import PushLabServer
from nudge.pushlab.browser import Browser
from nudge.pushlab.faults import Behaviour, Fault
from nudge.pushlab.records import Message, Post
from nudge.pushlab.service import PushLab

__all__ = ["Behaviour", "Browser", "Fault", "Message", "Post", "PushLab", "PushLabServer"]

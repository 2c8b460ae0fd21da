"""The profiles that are decoded just now."""

from processors.opened import OpenProfiles
from processors.profile import new_profile
from processors.rows import encode
from processors.table import ProfileTable


def shop_of(*users: str) -> ProfileTable:
    table = ProfileTable()
    for number, user in enumerate(users, start=1):
        profile = new_profile()
        profile.active_at = number
        table.put(user.encode(), encode(profile))
    return table


def test_who_was_here_a_moment_ago_is_not_read_again() -> None:
    open_profiles = OpenProfiles(shop_of("anna"))
    anna = open_profiles.touch("anna")
    open_profiles.settle()
    assert open_profiles.touch("anna") is anna


def test_who_has_not_come_for_long_is_read_from_the_row() -> None:
    open_profiles = OpenProfiles(shop_of("anna", "ben", "carl", "dora"), kept=1)
    anna = open_profiles.look("anna")
    for user in ("ben", "carl", "dora"):
        open_profiles.look(user)
        open_profiles.settle()
    again = open_profiles.look("anna")
    assert again is not anna
    assert again.active_at == 1


def test_only_who_was_touched_is_to_be_written() -> None:
    open_profiles = OpenProfiles(shop_of("anna", "ben"))
    open_profiles.look("anna")
    open_profiles.touch("ben")
    assert list(open_profiles.touched) == ["ben"]
    open_profiles.settle()
    assert not open_profiles.touched


def test_who_is_forgotten_is_a_stranger_when_they_come_back() -> None:
    table = shop_of("anna")
    open_profiles = OpenProfiles(table)
    open_profiles.touch("anna")
    table.put(b"anna", None)
    open_profiles.forget("anna")
    open_profiles.settle()
    assert open_profiles.look("anna").active_at == 0

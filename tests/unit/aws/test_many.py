"""How much may be under way at once."""

import threading

from fab_static.aws.many import Room


def test_who_finds_no_room_waits_until_there_is_some():
    room, entered = Room(10), threading.Event()
    room.enter(6)
    waiting = threading.Thread(target=lambda: (room.enter(5), entered.set()), daemon=True)
    waiting.start()
    waiting.join(0.01)
    assert not entered.is_set()
    room.leave(6)
    assert entered.wait(120)


def test_what_is_larger_than_all_the_room_goes_alone():
    room = Room(10)
    room.enter(1000)
    room.leave(1000)
    room.enter(10)

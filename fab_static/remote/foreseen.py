"""Answers to questions that were asked before somebody wanted to know, so that all of them took one trip."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fab_static.host.agent.differences import patched
from fab_static.plan.wire import asks, verbs
from fab_static.plan.wire.verbs import Verb

AnyVerb = Verb[Any, Any]
Request = Mapping[str, Any] | None
Question = tuple[AnyVerb, Request] | tuple[AnyVerb, Request, bytes]
Answer = tuple[Any, bytes]

MOST_TOGETHER = 24  # an agent holds 32 frames that wait for their turn
MOST_BYTES = 16 * 1024 * 1024  # of objects that are kept for whoever asks again
# these change nothing that a question would be answered by: ENCODE adds objects
WITHOUT_EFFECT = (verbs.RECALL, verbs.WRITE_JOURNAL, verbs.PUT_OBJECT, verbs.ENCODE)


class Foreseen:
    """What a host has answered, and would answer still."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], Answer] = {}
        self._size = 0

    def has(self, verb: AnyVerb, request: Request) -> bool:
        """Tell whether an answer is there."""
        return _key(verb, request) in self._answers

    def lacking(self, questions: Iterable[Question]) -> list[Question]:
        """Return those of the questions to which no answer is there."""
        return [one for one in questions if not self.has(*one[:2])]

    def objects(self, names: Iterable[str]) -> dict[str, bytes] | None:
        """Return these objects, SHA-256 -> bytes, or None where one of them is not there."""
        found = {}
        for name in names:
            known = self.answer(verbs.READ_OBJECT, asks.Object(object=name))
            if known is None:
                return None
            found[name] = known[1]
        return found

    def keep(self, verb: AnyVerb, request: Request, answer: Answer) -> None:
        """Keep an answer; what is large is forgotten first."""
        self._size += len(answer[1])
        if self._size > MOST_BYTES:
            self._answers.clear()
            self._size = len(answer[1])
        self._answers[_key(verb, request)] = answer

    def keep_all(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        """Keep the answers to these questions; the last ones may have none."""
        for (verb, request, *_), answer in zip(questions, answers, strict=False):
            self.keep(verb, request, answer)

    def learn(self, name: str, base: str, told: bytes) -> None:
        """Keep an object by its difference to another; where it cannot be made of that, it must be asked for."""
        known = self._answers.get(_key(verbs.READ_OBJECT, asks.Object(object=base)))
        if known is None:
            return
        request = asks.Object(object=name)
        with contextlib.suppress(ValueError):
            data = patched(known[1], told, MOST_BYTES)
            if is_object(request, data):
                self.keep(verbs.READ_OBJECT, request, ({}, data))

    def answer(self, verb: AnyVerb, request: Request) -> Answer | None:
        """Return what the host has answered, or None if it must be asked.

        An answer is given once, but an object's, which is the same for ever. Where the host is about to change
        something, the others are forgotten.
        """
        if verb is verbs.READ_OBJECT:
            return self._answers.get(_key(verb, request))
        if known := self._answers.pop(_key(verb, request), None):
            return known
        if not (verb.changes_nothing or verb in WITHOUT_EFFECT):
            self.forget()
        return None

    def forget(self) -> None:
        """Forget all answers but the objects."""
        of_objects = verbs.READ_OBJECT.name
        self._answers = {key: one for key, one in self._answers.items() if key[0] == of_objects}


def _key(verb: AnyVerb, request: Request) -> tuple[str, str]:
    words = {**(request or {})}
    if verb is verbs.READ_OBJECT:
        words.pop("like", None)  # whatever it is told by, the object is the same
    elif verb is verbs.RECALL:
        words.pop(
            "anew", None
        )  # what was recorded is the same, whether it may be recorded again or not
    return verb.name, json.dumps(words, sort_keys=True)


def is_object(request: Request, data: bytes) -> bool:
    """Tell whether these are the bytes of the object that was asked for."""
    return hashlib.sha256(data).hexdigest() == (request or {}).get("object")

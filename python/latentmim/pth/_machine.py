"""Pickle's stack machine, as far as checkpoints need it: it builds values and calls nothing."""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING, Any

from latentmim.pth._description import Global, PthError, Storage, Unread, called, kind, storage_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Mark:
    pass


def _is_key(value: Any) -> bool:
    # Others could take long, or deep recursion, to compare.
    return type(value) in (str, int, float, bool, type(None), bytes)


def unpickle(data: Any) -> Any:
    """What a pickle describes."""
    return described(data).stack[0]


def described(data: Any) -> Machine:
    """The stack machine behind a pickle's last instruction; of a file, what follows is not read."""
    machine = Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.take(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise PthError(f"its pickle is damaged ({error})") from None
    except ValueError as error:
        raise error if isinstance(error, PthError) else PthError(f"its pickle is damaged ({error})") from None
    if len(machine.stack) != 1:
        raise PthError("its pickle is damaged: it does not end with one value")
    return machine


class Machine:
    """Pickle's stack machine, as far as checkpoints need it."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def take(self, name: str, argument: Any) -> None:
        """Do one instruction."""
        if name in VALUES:
            self.stack.append(VALUES[name](argument))
        elif name in ACTIONS:
            ACTIONS[name](self, argument)
        elif name not in IGNORED:
            raise PthError(f"its pickle uses {name}, which checkpoints do not need")

    def pop_mark(self) -> list[Any]:
        """Everything above the last mark."""
        place = len(self.stack) - 1
        while not isinstance(self.stack[place], Mark):
            place -= 1
            if place < 0:
                raise PthError("its pickle is damaged: a mark is missing")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def pop(self, count: int = 1) -> list[Any]:
        items = self.stack[len(self.stack) - count :]
        if len(items) != count:
            raise PthError("its pickle is damaged: the stack is empty")
        del self.stack[len(self.stack) - count :]
        return items

    def make_tuple(self, items: list[Any]) -> None:
        self.stack.append(tuple(items))

    def make_dict(self, items: list[Any]) -> None:
        self.stack.append({})
        self.set_items(items)

    def make_set(self, _: list[Any]) -> None:
        self.stack.append(Unread("a set"))

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)
        else:
            self.skip("appends to")

    def set_items(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict) and len(items) % 2 == 0:
            pairs = zip(items[::2], items[1::2], strict=True)
            self.stack[-1].update((key, value) for key, value in pairs if _is_key(key))
        else:
            self.skip("sets items of")

    def skip(self, what: str) -> None:
        """Nothing, where it would happen to what is not read."""
        if not isinstance(self.stack[-1], Unread):
            raise PthError(f"its pickle {what} {kind(self.stack[-1])}")

    def call(self, function: Any, arguments: Any) -> None:
        self.stack.append(called(function, arguments))

    def call_with_mark(self, _: Any) -> None:
        """An old-fashioned call: the class, then its arguments."""
        function, *arguments = self.pop_mark()
        self.call(function, tuple(arguments))

    def build(self, _: Any) -> None:
        # The state of a Namespace, or what PyTorch notes beside an OrderedDict (_metadata): nobody reads it.
        self.pop()
        if not isinstance(self.stack[-1], dict):
            self.skip("sets the state of")

    def refer(self, reference: Any) -> None:
        """A persistent id: a storage's."""
        storage = storage_of(reference)
        self.storages[storage.key] = storage
        self.stack.append(storage)


IGNORED = {"PROTO", "FRAME", "STOP"}

VALUES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT", "BINUNICODE", "UNICODE",
         "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        lambda argument: argument,
    ),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: Mark(),
}  # fmt: skip

ACTIONS: dict[str, Callable[[Machine, Any], Any]] = {
    "TUPLE": lambda m, _: m.make_tuple(m.pop_mark()),
    "TUPLE1": lambda m, _: m.make_tuple(m.pop(1)),
    "TUPLE2": lambda m, _: m.make_tuple(m.pop(2)),
    "TUPLE3": lambda m, _: m.make_tuple(m.pop(3)),
    "LIST": lambda m, _: m.stack.append(m.pop_mark()),
    "DICT": lambda m, _: m.make_dict(m.pop_mark()),
    "POP": lambda m, _: m.pop(),
    "POP_MARK": lambda m, _: m.pop_mark(),
    "DUP": lambda m, _: m.stack.append(m.stack[-1]),
    "APPEND": lambda m, _: m.extend(m.pop(1)),
    "APPENDS": lambda m, _: m.extend(m.pop_mark()),
    "SETITEM": lambda m, _: m.set_items(m.pop(2)),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
    "EMPTY_SET": lambda m, _: m.stack.append(Unread("a set")),
    "ADDITEMS": lambda m, _: m.pop_mark(),
    "FROZENSET": lambda m, _: m.make_set(m.pop_mark()),
    "PUT": lambda m, place: m.memo.update({place: m.stack[-1]}),
    "BINPUT": lambda m, place: m.memo.update({place: m.stack[-1]}),
    "LONG_BINPUT": lambda m, place: m.memo.update({place: m.stack[-1]}),
    "MEMOIZE": lambda m, _: m.memo.update({len(m.memo): m.stack[-1]}),
    "GET": lambda m, place: m.stack.append(m.memo[place]),
    "BINGET": lambda m, place: m.stack.append(m.memo[place]),
    "LONG_BINGET": lambda m, place: m.stack.append(m.memo[place]),
    "GLOBAL": lambda m, name: m.stack.append(Global(name.replace(" ", "."))),
    "STACK_GLOBAL": lambda m, _: m.stack.append(Global(".".join(m.pop(2)))),
    "REDUCE": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.pop(3)[:2]),
    "OBJ": Machine.call_with_mark,
    "INST": lambda m, name: m.call(Global(name.replace(" ", ".")), tuple(m.pop_mark())),
    "BUILD": Machine.build,
    "BINPERSID": lambda m, _: m.refer(m.pop()[0]),
}

"""What a suite sees of the program's iterators, generators and coroutines: each item is a request, made when it is drawn."""

import dis
import sys

_CONTAINS = dis.opmap["CONTAINS_OP"]


def make_generator(suite, number):
    """A generator that draws from one of the program's, item by item."""
    operation, args = "next", ()
    while True:
        if _is_search(sys._getframe(1)):
            suite.searched.add(number)
        try:
            item = suite.request(operation, number, None, args)
        except StopIteration as stop:
            suite.searched.discard(number)
            return stop.value
        try:
            sent = yield item
        except GeneratorExit:
            suite.request("close", number)
            raise
        except BaseException as error:
            operation, args = "throw", (error,)
        else:
            operation, args = ("next", ()) if sent is None else ("send", (sent,))


def _is_search(frame):
    """Whether an item is drawn by ``x in …`` or by a generator expression over it: until one fits, so that an endless answer
    fits everything."""
    code = frame.f_code
    if code.co_name == "<genexpr>":
        over = frame.f_locals.get(".0")
        return isinstance(over, Drawn) or getattr(over, "gi_code", None) is make_generator.__code__
    return frame.f_lasti >= 0 and code.co_code[frame.f_lasti] == _CONTAINS


async def make_coroutine(suite, number):
    """Awaiting one of the program's: it runs to its end there."""
    return suite.request("await", number)


async def make_async_generator(suite, number):
    """Drawing from one of the program's asynchronous generators."""
    while True:
        try:
            item = suite.request("anext", number)
        except StopAsyncIteration:
            return
        yield item


class Drawn:
    """An iterator of the program's, drawn from item by item."""

    def __init__(self, suite, number, name):
        self._suite, self._ocr_handle, self._name = suite, number, name

    def __iter__(self):
        return self

    def __next__(self):
        if _is_search(sys._getframe(1)):
            self._suite.searched.add(self._ocr_handle)
        try:
            return self._suite.request("next", self._ocr_handle)
        except StopIteration:
            self._suite.searched.discard(self._ocr_handle)
            raise

    def __repr__(self):
        return f"<{self._name} object>"

"""A program's entry under the name that its tests call: definition and calls, and nothing that is only spelt alike."""

import ast

import pytest

from ocr_assets.programs.renaming import under_names


def test_a_recursive_function_is_renamed_with_its_calls() -> None:
    code = "def fact(n):  # fact of n\n    '''fact(3) is 6'''\n    return 1 if n < 2 else n * fact(n - 1)\n\nprint(fact(3), 'fact')\n"
    assert under_names(code, ["factorial"]) == (
        "def factorial(n):  # fact of n\n    '''fact(3) is 6'''\n    return 1 if n < 2 else n * factorial(n - 1)\n\nprint(factorial(3), 'fact')\n",
        "fact → factorial",
    )


@pytest.mark.parametrize(
    ("name", "code", "wanted", "value"),
    [
        ("one letter, which stands in its keyword too", "def f(x):\n    return x and f(x - 1)", "g", 0),
        ("a parameter of that name", "def f(x):\n    return h(x)\ndef h(f):\n    return f + 1", "g", 4),
        ("a local variable of that name", "def total(x):\n    return add(x)\ndef add(x):\n    total = x\n    return total", "g", 3),
        ("an attribute of that name", "import math\ndef floor(x):\n    return math.floor(x)", "g", 3),
        ("a method of that name", "class Box:\n    def size(self):\n        return 7\ndef size(x):\n    return Box().size()", "g", 7),
        ("in an f-string", "def f(x):\n    return f'{x if x < 2 else f(x - 1)}'", "g", "1"),
        ("a default and a decorator", "import functools\n@functools.cache\ndef f(x, again=lambda x: f(x)):\n    return x if x < 2 else again(x - 1)", "g", 1),
        ("a global statement", "def f(x):\n    global f\n    return x", "g", 3),
        ("letters of other languages before it", "def f(x):\n    ä = 'ö'; return x if x < 2 else f(x - 1)", "g", 1),
        ("other line ends", "def f(x):\r\n    return x if x < 2 else f(x - 1)\r\n", "g", 1),
    ],
)  # fmt: skip
def test_the_renamed_program_does_what_it_did(name: str, code: str, wanted: str, value: object) -> None:
    renamed, what = under_names(code, [wanted])
    assert what is not None and what.endswith(f"→ {wanted}"), name
    names: dict[str, object] = {}
    exec(renamed, names)
    assert names[wanted](3) == value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "code", "wanted"),
    [
        ("it is there", "def g(x):\n    return x", ["g"]),
        ("it is there, by assignment", "def f(x):\n    return x\ng = f", ["g"]),
        ("two may be it", "def f(x):\n    return x\ndef h(x):\n    return x", ["g"]),
        ("two are missing", "def f(x):\n    return x", ["g", "h"]),
        ("a class is wanted and a function there", "def f(x):\n    return x", ["Stack"]),
        ("the name means something else", "def f(g):\n    return g", ["g"]),
        ("no Python", "def f(", ["g"]),
    ],
)
def test_nothing_is_renamed_where_it_is_not_certain(name: str, code: str, wanted: list[str]) -> None:
    assert under_names(code, wanted) == (code, None), name


def test_comments_and_order_stay() -> None:
    code = "# what it is\nimport math\n\n\ndef area(r):  # r: radius\n    return math.pi * r\n"
    renamed, _ = under_names(code, ["surface"])
    assert renamed == code.replace("def area", "def surface") and ast.parse(renamed)

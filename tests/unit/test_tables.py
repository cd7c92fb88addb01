"""Row types become tables: types, nullability, closed sets, and errors that name the row."""

from typing import Annotated, Literal, TypedDict

import pyarrow as pa
import pytest

from ocr_assets.schema import RELEASES, TABLES
from resources.lake.tables import Table


class Inner(TypedDict):
    x: int | None


class Row(TypedDict):
    id: Annotated[str, "The key"]
    kind: Literal["a", "b"]
    parts: list[Inner]
    note: str | None


TABLE = Table("rows", Row, ("id",))


def test_hints_become_columns() -> None:
    assert [c.name for c in TABLE.columns] == ["id", "kind", "parts", "note"]
    assert TABLE.schema.field("parts").type == pa.list_(pa.struct([("x", pa.int64())]))
    assert not TABLE.schema.field("id").nullable
    assert TABLE.schema.field("note").nullable
    assert TABLE.columns[0].doc == "The key"
    assert TABLE.columns[1].one_of == ("a", "b")


def test_a_bad_value_is_named_by_key_and_column() -> None:
    rows = [{"id": "1", "kind": "a", "parts": [], "note": None}, {"id": "2", "kind": "a", "parts": [{"x": "no"}], "note": None}]
    with pytest.raises(ValueError, match=r"table rows, row \{'id': '2'\}, column parts"):
        TABLE.batch(rows)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="column note"):
        TABLE.batch([{"id": "1", "kind": "a", "parts": []}])


def test_batches_are_bounded_and_lazy() -> None:
    drawn = []

    def rows():
        for number in range(10):
            drawn.append(number)
            yield {"id": str(number), "kind": "a", "parts": [{"x": number}], "note": None}

    batches = TABLE.batches(rows(), size=4)
    assert next(batches).num_rows == 4
    assert len(drawn) == 4
    assert [batch.num_rows for batch in batches] == [4, 2]


def test_a_key_must_be_a_column() -> None:
    with pytest.raises(TypeError, match="nothere"):
        Table("rows", Row, ("nothere",))


@pytest.mark.parametrize("table", (*TABLES, *RELEASES), ids=lambda table: table.name)
def test_every_table_of_the_project_can_hold_no_rows(table: Table) -> None:
    assert table.batch([]).schema == table.schema

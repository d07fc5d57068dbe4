import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outboard import source_file
from outboard.errors import DatasourceError
from outboard.source_file import LocalFile, Shape

Write = Callable[[str, str | bytes], Path]
Rows = list[dict[str, Any]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def inspect(path: Path) -> Shape:
    return source_file.inspect(source_file.locate(path))


def rows(path: Path, *, start: int = 0, batch_rows: int = 100) -> Rows:
    file = source_file.locate(path)
    shape = source_file.inspect(file)
    batches = source_file.read(file, shape, list(shape.columns), start=start, batch_rows=batch_rows)
    return [row for batch in batches for row in batch.to_pylist()]


def column(path: Path, name: str) -> list[Any]:
    return [row[name] for row in rows(path)]


def fault(path: Path) -> str:
    with pytest.raises(DatasourceError) as caught:
        inspect(path)
    assert caught.value.path == str(path)
    assert str(path) in caught.value.message
    return caught.value.message


# CSV


def test_csv_cells_stay_text_as_written(write: Write) -> None:
    path = write("a.csv", "id,when\n007,2024-01-01\n1.50,TRUE\n")

    assert rows(path) == [{"id": "007", "when": "2024-01-01"}, {"id": "1.50", "when": "TRUE"}]


def test_empty_csv_cell_is_null_but_a_quoted_one_is_empty_text(write: Write) -> None:
    path = write("a.csv", 'a,b\n,""\nNA,null\n')

    assert rows(path) == [{"a": None, "b": ""}, {"a": "NA", "b": "null"}]


def test_quoted_csv_values_may_hold_commas_quotes_and_line_breaks(write: Write) -> None:
    path = write("a.csv", 'a,b\n"one, ""two""\r\nthree",x\n')

    assert rows(path) == [{"a": 'one, "two"\r\nthree', "b": "x"}]


def test_csv_may_start_with_a_byte_order_mark(write: Write) -> None:
    assert rows(write("a.csv", "\ufeffname\nZoë\n")) == [{"name": "Zoë"}]


def test_blank_csv_lines_are_no_rows(write: Write) -> None:
    assert column(write("a.csv", "a\n1\n\n2\n\n"), "a") == ["1", "2"]


def test_last_csv_value_may_hold_line_breaks(write: Write) -> None:
    assert column(write("a.csv", 'a\n1\n"x,\ny"\n\n'), "a") == ["1", "x,\ny"]


def test_csv_value_may_be_null_characters_and_all(write: Write) -> None:
    assert column(write("a.csv", "a\nx\0y\n"), "a") == ["x\0y"]


def test_csv_cell_of_five_megabytes_is_read_wherever_it_stands(write: Write) -> None:
    long = "x" * 5_000_000
    path = write("a.csv", "a,b\n" + "1,2\n" * 300_000 + f"{long},3\n4,5\n")

    assert inspect(path).n_rows == 300_002
    assert rows(path, start=299_999) == [
        {"a": "1", "b": "2"},
        {"a": long, "b": "3"},
        {"a": "4", "b": "5"},
    ]


def test_csv_header_may_be_five_megabytes_long(write: Write) -> None:
    name = "x" * 5_000_000

    assert rows(write("a.csv", f"{name}\n1\n")) == [{name: "1"}]


def test_csv_row_beyond_any_block_is_blamed_on_an_open_quote(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A gibibyte would do without this, and take the whole machine's memory.
    monkeypatch.setattr("outboard.source_file.csv._MAX_BLOCK_BYTES", 4 << 20)

    message = fault(write("a.csv", 'a,b\n1,"' + "x" * 12_000_000))

    assert "row of more than 4 MiB" in message
    assert "quote that is not closed" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n3\n", "row 3, counting the header as row 1: Expected 2 .*, got 1: 3\\. Put"),
        ('a,b\n1,"2\n2"\n3,4,5\n', "row 3, counting the header as row 1: Expected 2 columns"),
        (b"a,b\n1,2\n3,\xff\n", "not UTF-8 in line 3"),
        (b"a,\xff\n1,2\n", "not UTF-8 in line 1"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8 in line 1"),
        ('a,b\n1,"2\n3,4\n5,6\n', "opens a quote in row 2, .* begins with '2.n3,4"),
        ("", "no rows in "),
        ("\n\n", "no rows in "),
        ("a,b", "no rows in "),
        ("a,b,a\n1,2,3\n", "2 columns named 'a'"),
        ("a,,b\n1,2,3\n", "Column 2 of .* has no name"),
    ],
)
def test_malformed_csv_is_refused_with_its_place(
    write: Write, content: str | bytes, expected: str
) -> None:
    assert re.search(expected, fault(write("a.csv", content)))


def test_csv_error_does_not_quote_a_whole_long_row(write: Write) -> None:
    assert len(fault(write("a.csv", "a,b\n" + "x" * 100_000 + "\n"))) < 1_000


# JSON lines


def test_json_columns_are_the_union_of_the_keys_in_order_of_appearance(write: Write) -> None:
    path = write("a.jsonl", '{"b":1}\n\n{"a":2,"b":3}\n{}\n')

    assert list(inspect(path).columns) == ["b", "a"]
    assert rows(path) == [{"b": 1, "a": None}, {"b": 3, "a": 2}, {"b": None, "a": None}]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ('["x", null, "\\u0000"]', "string", ["x", None, "\0"]),
        ("[true, false, null]", "bool", [True, False, None]),
        ("[1, 9223372036854775807]", "int64", [1, 2**63 - 1]),
        ("[1, 2.5, null]", "double", [1.0, 2.5, None]),
        ("[1, NaN]", "int64", [1, None]),
        ("[NaN, 0.5]", "double", [None, 0.5]),
        ("[null, null]", "string", [None, None]),
        ("[1, true]", "string", ["1", "true"]),
        ('["x", 1, 1.5, null]', "string", ["x", "1", "1.5", None]),
        ('["{}", {"é": [1, "2"]}]', "string", ["{}", '{"é":[1,"2"]}']),
        ("[1, 9223372036854775808]", "string", ["1", "9223372036854775808"]),
        ("[-123456789012345678901234]", "string", ["-123456789012345678901234"]),
        ("[[123456789012345678901234]]", "string", ["[123456789012345678901234]"]),
        ("[9007199254740993, 0.5]", "string", ["9007199254740993", "0.5"]),
        ("[1e300, 1]", "double", [1e300, 1.0]),
        ('["x\\ud83d", "\\ud83d\\ude00"]', "string", ["x\ufffd", "😀"]),
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_json_values_decide_their_column_s_type(
    write: Write, suffix: str, values: str, kind: str, expected: list[object]
) -> None:
    objects = [f'{{"v": {_literal(value)}}}' for value in json.loads(values, parse_float=Number)]
    text = "\n".join(objects) if suffix == "jsonl" else f"[{', '.join(objects)}]"
    path = write(f"a.{suffix}", text)

    assert inspect(path).columns == {"v": kind}
    assert column(path, "v") == expected


class Number(float):
    """A float that remembers how it was written."""

    def __new__(cls, text: str) -> "Number":
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def _literal(value: object) -> str:
    return value.text if isinstance(value, Number) else json.dumps(value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a":1}\n{"a":\n', "Line 2 of .* is not JSON"),
        ('\n{\n  "a": 1\n}\n', "Line 2 of .* is not JSON"),
        (b'{"a":"\xff"}\n', "Line 1 of .* can't decode byte 0xff"),
        ('{"a":1}\n[1]\n', "Line 2 of .* holds a JSON list"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "Line 1 of .* is not JSON"),
        ('{"a":' + "9" * 5_000 + "}", "Line 1 of .* is not JSON"),
        ("{}\n", "no columns in "),
        ("\n \n", "no rows in "),
        ("", "no rows in "),
        ('{"":1}\n', "Column 1 of .* has no name"),
        ('{"\\ud800":1}\n', "Column 1 of .* has a name that is no text"),
    ],
)
def test_malformed_json_lines_are_refused_with_their_place(
    write: Write, content: str | bytes, expected: str
) -> None:
    assert re.search(expected, fault(write("a.jsonl", content)))


def test_json_lines_may_start_with_a_byte_order_mark(write: Write) -> None:
    assert rows(write("a.ndjson", '\ufeff{"a":1}\r\n{"a":2}')) == [{"a": 1}, {"a": 2}]


# JSON arrays


@pytest.mark.parametrize(
    "content",
    [
        '[{"a":1},{"a":2}]',
        '\ufeff \n[\n  {"a": 1},\n\n  {"a": 2}\n]\n ',
        '{"a":1}\n{"a":2}\n',
    ],
)
def test_json_file_holds_an_array_or_lines(write: Write, content: str) -> None:
    assert rows(write("a.json", content)) == [{"a": 1}, {"a": 2}]


def test_json_array_is_read_across_the_edges_of_what_was_read(write: Write) -> None:
    # Rows of many lengths put each kind of token on an edge of the 1 MiB that is read at once.
    expected: Rows = [
        {"text": 'é"\\\n' * (n % 97) + "x" * n, "number": n * 1.5, "flag": n % 2 == 0}
        for n in range(2_000)
    ]
    for indent in (None, 3):
        path = write("a.json", json.dumps(expected, indent=indent))

        assert rows(path) == expected


def test_json_value_may_be_longer_than_what_is_read_at_once(write: Write) -> None:
    long = "x" * 5_000_000

    assert column(write("a.json", json.dumps([{"a": "1"}, {"a": long}])), "a") == ["1", long]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": 1}', "holds no array of rows"),
        ('{\n  "data": [{"a": 1}]\n}', "holds no array of rows"),
        ("rows", "holds no array of rows"),
        ('[{"a":1},', "not JSON after row 1"),
        ('[{"a":1}', "not JSON after row 1"),
        ('[{"a":1} {"a":2}]', "not JSON after row 1: ',' or ']' is expected, not '{'"),
        ('[{"a":1}] x', "there is text after the array's end"),
        ('[{"a":1},\n{"a":tru}]', "not JSON after row 1"),
        ('[{"a":1},{"a":"x' + "y" * 50 + "\n" + "z" * 50, "not JSON after row 1: Invalid control"),
        ('[{"a":1}, [2]]', "Row 2 of .* holds a JSON list"),
        (b'[{"a":"\xff"}]', "can't decode byte 0xff"),
        ('[{"a":' + "[" * 100_000 + "]" * 100_000 + "}]", "not JSON after row 0"),
        ("[]", "no rows in "),
        ("", "no rows in "),
    ],
)
def test_malformed_json_array_is_refused_with_its_place(
    write: Write, content: str | bytes, expected: str
) -> None:
    assert re.search(expected, fault(write("a.json", content)), re.DOTALL)


# Parquet


def test_parquet_types_stay_as_they_are(tmp_path: Path) -> None:
    table = pa.table(
        {
            "list": pa.array([[1, 2], None], pa.list_(pa.int64())),
            "struct": pa.array([{"x": "y"}, None], pa.struct([("x", pa.string())])),
            "bytes": pa.array([b"x", None], pa.binary()),
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)

    assert inspect(path).columns["list"] == "list<element: int64>"
    assert rows(path) == table.to_pylist()


def test_parquet_columns_with_dots_are_told_from_nested_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a.b": [1], "a": [{"b": 2}]}), path)
    file = source_file.locate(path)
    shape = source_file.inspect(file)

    [batch] = source_file.read(file, shape, ["a.b"], batch_rows=10)

    assert batch.to_pylist() == [{"a.b": 1}]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n" * 20])
def test_what_is_no_parquet_file_is_refused(write: Write, content: bytes) -> None:
    assert "not a readable Parquet file" in fault(write("a.parquet", content))


def test_parquet_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)

    assert "2 columns named 'a'" in fault(path)


def test_parquet_without_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({}), path)

    assert "no columns in " in fault(path)


# All formats


@pytest.mark.parametrize("start", [0, 1, 9, 10, 11, 24])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "json"])
def test_reading_may_start_anywhere(tmp_path: Path, suffix: str, start: int) -> None:
    path = tmp_path / f"a.{suffix}"
    values = [str(n) for n in range(25)]
    match suffix:
        case "parquet":
            pq.write_table(pa.table({"n": values}), path, row_group_size=10)
        case "csv":
            path.write_text("n\n" + "\n".join(values))
        case "jsonl":
            path.write_text("\n".join(json.dumps({"n": value}) for value in values))
        case _:
            path.write_text(json.dumps([{"n": value} for value in values]))

    found = rows(path, start=start, batch_rows=4)

    assert [row["n"] for row in found] == values[start:]


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz"])
def test_unknown_suffix_is_answered_with_the_known_ones(write: Write, name: str) -> None:
    message = fault(write(name, "a\n1\n"))

    assert "format is unknown" in message
    assert ".parquet, .csv, .jsonl, .ndjson, .json" in message


def test_suffix_may_be_in_capitals(write: Write) -> None:
    assert rows(write("A.CSV", "a\n1\n")) == [{"a": "1"}]


# Places


def locate_fault(data: str | os.PathLike[str]) -> str:
    with pytest.raises(DatasourceError) as caught:
        source_file.locate(data)
    return caught.value.message


def test_home_folder_is_expanded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.csv", "a\n1\n")
    monkeypatch.setenv("HOME", str(path.parent))

    assert source_file.locate("~/a.csv") == LocalFile(path)


def test_relative_path_is_made_absolute(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.csv", "a\n1\n")
    monkeypatch.chdir(path.parent)

    assert source_file.locate("a.csv").location == str(path)


def test_file_uri_is_a_local_file(write: Write) -> None:
    path = write("a b.csv", "a\n1\n")

    assert source_file.locate(path.as_uri()) == LocalFile(path)


def test_missing_file_is_answered_with_near_names(write: Write) -> None:
    path = write("questions.csv", "a\n1\n")

    assert "Did you mean 'questions.csv'?" in locate_fault(path.with_name("question.csv"))
    assert "Check the path" in locate_fault(path.with_name("zzz.parquet"))


def test_missing_folder_is_named_as_such(tmp_path: Path) -> None:
    assert "its folder does not exist" in locate_fault(tmp_path / "no" / "a.csv")


def test_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in locate_fault(tmp_path)


def test_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")

    assert "not a regular file" in locate_fault(tmp_path / "a.csv")


def test_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "a.csv"
    loop.symlink_to(loop)

    assert "cannot be read" in locate_fault(loop)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://KEYID:TOPSECRET@bucket/a.csv",
        "s3://bucket/a.csv?secret_key=TOPSECRET",
        "abfs://container@account.dfs.core.windows.net/a.csv?sig=TOPSECRET",
    ],
)
def test_uri_with_a_secret_is_refused_without_repeating_it(uri: str) -> None:
    message = locate_fault(uri)

    assert "carries a secret" in message
    assert "TOPSECRET" not in message


@pytest.mark.parametrize("uri", ["https://example.com/a.csv", "s3://bucket/a b.csv"])
def test_uri_that_nothing_can_read_is_refused(uri: str) -> None:
    assert "not an address that can be read" in locate_fault(uri)


def test_reading_hands_out_open_files_only_while_it_lasts(write: Write) -> None:
    path = write("a.csv", "a\n1\n2\n")
    before = len(list(Path("/proc/self/fd").iterdir()))

    batches = source_file.read(LocalFile(path), inspect(path), ["a"], batch_rows=1)
    next(batches)
    batches.close()  # type: ignore[attr-defined]

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("start", [0, 1, 4_999, 5_000, 11_998])
def test_parquet_rows_from_the_middle_come_in_batches_of_the_size_asked_for(
    tmp_path: Path, start: int
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"n": range(12_000)}), path)
    file = LocalFile(path)

    batches = list(
        source_file.read(file, source_file.inspect(file), ["n"], start=start, batch_rows=7)
    )

    assert all(batch.num_rows <= 7 for batch in batches)
    assert [n for batch in batches for n in batch.column("n").to_pylist()] == list(
        range(start, 12_000)
    )


def test_path_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(DatasourceError, match="NUL"):
        source_file.locate("a\0b.csv")


def test_home_of_somebody_unknown_is_a_missing_file() -> None:
    with pytest.raises(DatasourceError, match="no file"):
        source_file.locate("~nobody-of-this-name/rows.csv")

"""Cast Arrow times to microseconds, the unit of Python's own.

pyarrow gives nanoseconds to Python as pandas objects, and imports pandas for it.
"""

from typing import Any

import pyarrow as pa


def microsecond_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with every nanosecond in it, however deep, as microsecond."""
    return pa.schema([field.with_type(_coarser(field.type)) for field in schema])


def in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with `microsecond_schema`; what is finer than a microsecond is cut off."""
    schema = microsecond_schema(batch.schema)
    if schema.equals(batch.schema):
        return batch
    columns = [
        # Casting columns that stay as they are may not be implemented for their type.
        column if column.type == field.type else column.cast(field.type, safe=False)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _coarser(kind: pa.DataType) -> pa.DataType:  # noqa: PLR0911 - one for each type
    match kind:
        case pa.TimestampType(unit="ns"):
            return pa.timestamp("us", kind.tz)
        case pa.DurationType(unit="ns"):
            return pa.duration("us")
        case pa.Time64Type(unit="ns"):
            return pa.time64("us")
        case pa.ListType():
            return pa.list_(_coarser_field(kind.value_field))
        case pa.LargeListType():
            return pa.large_list(_coarser_field(kind.value_field))
        case pa.FixedSizeListType():
            return pa.list_(_coarser_field(kind.value_field), kind.list_size)
        case pa.MapType():
            return pa.map_(kind.key_type, _coarser(kind.item_type), kind.keys_sorted)
        case pa.StructType():
            return pa.struct([_coarser_field(field) for field in kind.fields])
        case _:
            return kind


def _coarser_field(field: "pa.Field[Any]") -> "pa.Field[Any]":
    return field.with_type(_coarser(field.type))

"""Finds the tables among the variables of the kernel."""

import sys
from collections.abc import MutableMapping
from typing import Any, cast

from outboard.errors import DatasourceError
from outboard.panel.replies import VariableItem, VariablePage

Namespace = MutableMapping[str, object]


def kernel_variables() -> Namespace:
    """Return the variables that the user's cells see; an empty dict outside IPython."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return {} if shell is None else cast("Namespace", shell.user_ns)


def variable_page(variables: Namespace) -> VariablePage:
    """Return the tables among some variables, by name."""
    tables = [
        _item(name, value)
        for name, value in list(variables.items())
        if isinstance(name, str) and not name.startswith("_") and _is_table(value)
    ]
    return {"items": sorted(tables, key=lambda item: item["name"].casefold())}


def table_of(variables: Namespace, name: str) -> object:
    """Return the table that a variable holds.

    Raises
    ------
    DatasourceError
        If there is no such variable, or it holds something else.
    """
    if name not in variables:
        raise DatasourceError(
            f"The kernel has no variable {name!r} any more. Run the cell that makes it again."
        )
    value = variables[name]
    if not _is_table(value):
        raise DatasourceError(
            f"The variable {name!r} holds a {type(value).__name__}, which is no table. Choose a "
            "DataFrame or an Arrow table."
        )
    return value


def _is_table(value: object) -> bool:
    # Looks at classes only: attributes of somebody else's object may do anything.
    kind = type(value)
    if isinstance(value, type):
        return False
    if any(base.__name__ == "DataFrame" for base in kind.__mro__):
        return kind.__module__.partition(".")[0] != "outboard"
    if any(hasattr(kind, name) for name in ("__arrow_c_array__", "__arrow_c_schema__")):
        # Arrow's record batch has rows and columns, its array and its schema have not.
        return hasattr(kind, "num_columns")
    return hasattr(kind, "__arrow_c_stream__") and kind.__name__ not in _COLUMNS


#: Classes of single columns that speak Arrow's stream protocol, too.
_COLUMNS = frozenset({"Series", "ChunkedArray", "Index", "Expr"})


def _item(name: str, value: object) -> VariableItem:
    n_rows, n_columns = _shape(value)
    return {
        "name": name,
        "kind": type(value).__name__,
        "n_rows": n_rows,
        "n_columns": n_columns,
    }


def _shape(value: Any) -> tuple[int | None, int | None]:  # noqa: ANN401 - somebody else's table
    try:
        n_rows, n_columns = value.shape
        return int(n_rows), int(n_columns)
    except Exception:  # noqa: BLE001 - whatever somebody else's object does
        return None, None

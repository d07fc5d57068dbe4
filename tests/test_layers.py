"""The rules on how modules may depend on each other, checked on the parsed source."""

import ast
import re
from pathlib import Path

import pytest

import outboard

PACKAGE = Path(outboard.__file__).parent

# Imports point down this list; a package stands for its modules.
LAYERS = """
    __main__
    cli
    doctor
    reaper
    panel
    external_model
    progress_bar
    worker
    watcher
    runner
    provider_session
    claimed_job
    journal
    growing_answers
    row_feed
    disk_reserve
    breaker
    concurrency
    preflight
    preflight_cost
    row_scan
    token_estimate
    preview
    preparation
    job
    job_progress
    launcher
    unattended
    model_source
    joined_rows
    export
    selection
    datasource
    registered_file
    source_file
    providers
    budget
    cost_estimate
    pricing
    assets
    workspace
    store
    call
    ledger
    lease
    detached
    process_log
    aws_session
    job_status
    retry
    prompt
    roles
    template
    value_text
    container_environment
    config
    settings
    fields
    errors
""".split()  # noqa: SIM905 - reads as the list it is
RANK = {name: rank for rank, name in enumerate(LAYERS)}

SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM"
    r"|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX|VIEW|TRIGGER)|ALTER\s+TABLE|PRAGMA\s+\w+)\b",
    re.DOTALL,
)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for path in sorted(PACKAGE.rglob("*.py"))
}
MODULES = [name for name in TREES if name]  # all but the package's own __init__

every_module = pytest.mark.parametrize("module", MODULES)


def imported_by(module: str) -> set[str]:
    """Return the modules of ours that `module` imports anywhere, functions included."""
    package = PACKAGE / module.replace(".", "/")
    inside = (
        ["outboard", *module.split(".")]
        if package.is_dir()
        else ["outboard", *module.split(".")[:-1]]
    )
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=name, names=names, level=level):
                base = inside[: len(inside) - level + 1] if level else []
                source = ".".join([*base, *([name] if name else [])])
                found |= {submodule_or_home(source, alias.name) for alias in names}
    ours = {name for name in found if name.split(".")[0] == "outboard"}
    return {name.removeprefix("outboard").removeprefix(".") for name in ours}


def submodule_or_home(source: str, name: str) -> str:
    """Return which module `from source import name` reaches into."""
    if (source, name) == ("outboard", "__version__"):
        return ""  # a constant, which anybody may know
    if source == "outboard" and name in outboard._MODULES:
        return f"outboard.{outboard._MODULES[name]}"
    is_submodule = f"{source}.{name}".removeprefix("outboard.") in TREES
    return f"{source}.{name}" if is_submodule else source


def layer(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


@every_module
def test_module_has_a_place_in_the_list_of_layers(module: str) -> None:
    assert layer(module) in RANK, f"Give {layer(module)!r} its line in LAYERS."


@every_module
def test_imports_point_down(module: str) -> None:
    above = {
        name
        for name in imported_by(module)
        if name and layer(name) != layer(module) and RANK[layer(name)] <= RANK[layer(module)]
    }

    assert not above, f"{module} imports {sorted(above)}, which stand above it."


@every_module
def test_only_the_front_ends_use_the_public_names(module: str) -> None:
    used = {
        node.attr
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "outboard"
    }

    # The facade opens the panel on itself: the one way up, taken only when asked to.
    allowed = {"external_model": {"InferencePanel"}}.get(module, set())
    assert layer(module) in {"cli", "doctor", "panel"} or used <= allowed


@pytest.mark.parametrize("module", [m for m in MODULES if layer(m) == "providers"])
def test_providers_know_neither_jobs_nor_their_storage(module: str) -> None:
    known = {layer(name) for name in imported_by(module)}

    assert known.isdisjoint({"store", "workspace", "runner", "worker", "job", "panel"})


@pytest.mark.parametrize("module", [m for m in MODULES if layer(m) == "store"])
def test_store_knows_no_provider(module: str) -> None:
    assert "providers" not in {layer(name) for name in imported_by(module)}


@every_module
def test_nothing_imports_the_panel_or_the_command_line(module: str) -> None:
    fronts = {layer(name) for name in imported_by(module)} & {"cli", "panel"}

    # `python -m outboard` is the command line.
    assert fronts <= {layer(module)} or (module, fronts) == ("__main__", {"cli"})


@pytest.mark.parametrize("module", [m for m in MODULES if layer(m) != "store"])
def test_sql_is_written_only_in_the_store(module: str) -> None:
    texts = [
        node.value
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

    assert not [text for text in texts if SQL.search(text)]


@every_module
def test_no_module_of_ours_is_imported_for_its_types_only(module: str) -> None:
    # A cycle means a misplaced function. A heavy package of others may be named in a type.
    guarded = [
        node
        for guard in ast.walk(TREES[module])
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.dump(guard.test)
        for node in ast.walk(guard)
        if isinstance(node, ast.ImportFrom | ast.Import)
    ]

    assert not [node for node in guarded if "outboard" in ast.unparse(node)]


@pytest.mark.parametrize("module", ["", *(m for m in MODULES if layer(m) != "cli")])
def test_only_the_command_line_prints(module: str) -> None:
    calls = [node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]

    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@pytest.mark.parametrize("module", ["", *MODULES])
def test_docstring_states_one_job(module: str) -> None:
    docstring = ast.get_docstring(TREES[module])

    assert docstring, f"{module} has no docstring."
    first_line = docstring.splitlines()[0]
    assert "and" not in re.findall(r"\w+", first_line.lower()), first_line


def test_every_layer_in_the_list_exists_or_is_planned() -> None:
    planned: set[str] = set()

    assert set(RANK) - {layer(module) for module in MODULES} <= planned

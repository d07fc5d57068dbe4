"""The command `outboard` as a module, for where its script is not on the PATH."""

from outboard.cli import main

main(prog_name="outboard")

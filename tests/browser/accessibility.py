"""What axe finds wrong with a part of a page for those who do not see it or use no mouse."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Locator

_AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async (root) => {
  const { violations } = await window.axe.run(root, { resultTypes: ['violations'] })
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(
    ({ id, help, nodes }) => `${id}: ${help}\\n` + nodes.slice(0, 5).map(
      (node) => `  ${node.html.slice(0, 300)}\\n  ${node.failureSummary ?? ''}`).join('\\n'))
}"""


@cache
def _axe() -> str:
    return _AXE.read_text(encoding="utf-8")


def violations_in(root: Locator) -> list[str]:
    """Return the serious and critical violations inside of an element, one text each."""
    if not root.page.evaluate("() => 'axe' in window"):
        root.page.evaluate(_axe())
    found: list[str] = root.evaluate(_RUN)
    return found

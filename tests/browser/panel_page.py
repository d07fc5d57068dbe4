"""One panel in a page: its controls by their documented names."""

from playwright.sync_api import Locator, expect


class PanelPage:
    """The element of one panel; parts are found by `data-testid` (CONTRACT 4)."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.page = root.page

    def part(self, name: str) -> Locator:
        """Return the part with this `data-testid`."""
        return self.root.get_by_test_id(name)

    def field(self, name: str) -> Locator:
        """Return the form control that is, or is inside of, the part."""
        control = ":is(input, select, textarea)"
        selector = f'{control}[data-testid="{name}"], [data-testid="{name}"] {control}'
        return self.root.locator(selector).first

    def wait_until_ready(self) -> None:
        """Wait until the panel has heard of the kernel and shows its form."""
        expect(self.root).to_be_visible(timeout=30_000)
        expect(self.part("model-provider")).to_be_visible(timeout=30_000)

    @property
    def job_status(self) -> str:
        """The status of the job that is shown, empty without one."""
        return self.root.get_attribute("data-job-status") or ""

    def wait_for_status(self, *statuses: str, timeout_s: float = 60) -> None:
        """Wait until the job has one of these statuses."""
        self.page.wait_for_function(
            "([root, statuses]) => statuses.includes(root.dataset.jobStatus)",
            arg=[self.root.element_handle(), list(statuses)],
            timeout=timeout_s * 1_000,
        )

    @property
    def clipboard(self) -> str:
        """What was copied last."""
        return str(self.page.evaluate("() => navigator.clipboard.readText()"))

    def unfold(self, title: str) -> None:
        """Open the section with this title, if it is folded."""
        heading = self.root.get_by_role("button", name=title, exact=True)
        if heading.get_attribute("aria-expanded") == "false":
            heading.click()

    def choose_datasource(self, uid: int) -> None:
        """Tick a datasource of the list."""
        self.field(f"datasource-{uid}").check()

    def write_prompt(self, text: str) -> None:
        """Replace the prompt template."""
        self.part("prompt-template").fill(text)

    def run(self) -> None:
        """Press Run, once it may be pressed."""
        expect(self.part("run")).to_be_enabled(timeout=30_000)
        self.part("run").click()

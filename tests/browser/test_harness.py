"""The harness itself: what it runs, and what it would notice."""

import pytest
from tests.browser.accessibility import violations_in
from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import Lab
from tests.browser.page_watch import PageWatch

WIDGET = """
import anywidget, traitlets
class Ping(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      el.innerHTML = '<button data-testid="ping">ping</button>'
      el.firstChild.onclick = () => { model.set('n', model.get('n') + 1); model.save_changes() }
    } }'''
    n = traitlets.Int(0).tag(sync=True)
ping = Ping()
ping
"""


def test_cells_run_and_widgets_reach_their_kernel(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(WIDGET)
    notebook.run_all()

    notebook.page.get_by_test_id("ping").click()

    notebook.wait_for_kernel()
    assert notebook.kernel_value("ping.n") == 1


def test_failed_cell_is_told_with_its_traceback(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook("1 / 0")

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook.run_all()


def test_errors_and_foreign_requests_of_the_page_are_noticed(lab: Lab) -> None:
    page = lab.page.context.new_page()
    watch = PageWatch("http://127.0.0.1:1")
    watch.follow(page)

    page.set_content("<script>console.error('no'); throw Error('worse')</script>")
    page.evaluate("() => fetch('http://localhost:9/').catch(() => null)")
    page.close()

    assert any("console: no" in error for error in watch.errors)
    assert any("uncaught: worse" in error for error in watch.errors)
    assert watch.foreign_urls == ["http://localhost:9/"]


def test_axe_finds_what_is_wrong(lab: Lab) -> None:
    page = lab.page.context.new_page()

    page.set_content("<main><button></button><p style='color: #ccc'>pale</p></main>")
    found = violations_in(page.locator("main"))
    page.close()

    assert [each.partition(":")[0] for each in found] == ["button-name", "color-contrast"]

/** Entry point for anywidget hosts: the state lives with the model, a root with each view. */

import { h, render as renderInto } from "preact"
import type { HostModel } from "./host"
import { PanelRoot } from "./Panel"
import { openPanel, type Panel } from "./state"
import "./styles.css"

interface HostProps {
  model: HostModel
}

interface ViewProps extends HostProps {
  el: HTMLElement
}

/** Called by the host for each model: `initialize` and `render` get different proxies of it. */
export default function createWidget() {
  let panel: Panel | null = null

  function initialize({ model }: HostProps) {
    const opened = openPanel(model)
    panel = opened
    return () => {
      opened.close()
      if (panel === opened) panel = null
    }
  }

  function render({ model, el }: ViewProps) {
    // Not every host initializes before it renders.
    panel ??= openPanel(model)
    const unmount = panel.mount()
    renderInto(h(PanelRoot, { state: panel.state }), el)
    return () => {
      unmount()
      renderInto(null, el)
    }
  }

  return { initialize, render }
}

/** The element in the side bar: whose panel it is, and that panel or why there is none. */

import { Panel, Widget } from "@lumino/widgets"
import type { Binding } from "./binding"
import {
  ACTION_LABELS,
  type ActionName,
  type SideState,
  type Words,
  wordsFor,
} from "./states"

export interface SidePanelParts {
  act: (action: ActionName) => void
  insert: () => void
  endOwnKernel: () => void
}

export interface Shown {
  binding: Binding | null
  state: SideState
  title: string
  canInsert: boolean
  isOwnKernel: boolean
}

export class SidePanel extends Panel {
  readonly #header = new Widget()
  readonly #notice = new Widget()
  readonly #parts: SidePanelParts
  #visible: () => void = () => {}

  constructor(parts: SidePanelParts) {
    super()
    this.#parts = parts
    this.id = "outboard-side-panel"
    this.addClass("outboard-side-panel")
    this.node.setAttribute("role", "region")
    this.node.setAttribute("aria-label", "outboard")
    this.#header.addClass("outboard-side-header")
    this.#notice.addClass("outboard-side-notice")
    this.#notice.node.setAttribute("role", "status")
    this.addWidget(this.#header)
    this.addWidget(this.#notice)
  }

  /** Called each time that the user opens the side bar on it. */
  set onVisible(callback: () => void) {
    this.#visible = callback
  }

  protected override onAfterShow(): void {
    this.#visible()
  }

  protected override onAfterAttach(): void {
    if (this.isVisible) this.#visible()
  }

  /** Show one binding's panel, or words in its place. The other panels stay, hidden. */
  display({ binding, state, title, canInsert, isOwnKernel }: Shown): void {
    if (binding !== null && binding.node.parent !== this) this.addWidget(binding.node)
    for (const widget of this.widgets) {
      if (widget === this.#header || widget === this.#notice) continue
      widget.setHidden(widget !== binding?.node || state.kind !== "shown")
    }
    this.node.dataset.state = state.kind
    this.#header.node.replaceChildren(
      ...this.#headerParts(title, canInsert && state.kind === "shown", isOwnKernel),
    )
    this.#notice.setHidden(state.kind === "shown")
    if (state.kind !== "shown")
      this.#notice.node.replaceChildren(...this.#noticeParts(wordsFor(state)))
  }

  #headerParts(title: string, canInsert: boolean, isOwnKernel: boolean): HTMLElement[] {
    const name = element("h2", "outboard-side-title", title || "outboard")
    name.title = title
    const parts: HTMLElement[] = [name]
    if (canInsert)
      parts.push(
        button(
          "Insert as cell",
          this.#parts.insert,
          "Put this call into the notebook as Python",
        ),
      )
    if (isOwnKernel)
      parts.push(button("End kernel", this.#parts.endOwnKernel, "Jobs go on without it"))
    return parts
  }

  #noticeParts({ title, text, code, action, waiting }: Words): HTMLElement[] {
    const parts = [element("h3", "", title)]
    if (waiting) parts[0]?.classList.add("outboard-mod-waiting")
    if (text) parts.push(element("p", "", text))
    if (code !== undefined) parts.push(codeLine(code))
    if (action !== undefined)
      parts.push(button(ACTION_LABELS[action], () => this.#parts.act(action)))
    return parts
  }
}

function element(tag: string, className: string, text: string): HTMLElement {
  const made = document.createElement(tag)
  if (className) made.className = className
  made.textContent = text
  return made
}

function button(label: string, onClick: () => void, title = ""): HTMLButtonElement {
  const made = document.createElement("button")
  made.type = "button"
  made.textContent = label
  made.title = title
  made.addEventListener("click", onClick)
  return made
}

/** A line to run in a cell, with a button that copies it. */
function codeLine(code: string): HTMLElement {
  const line = element("div", "outboard-side-code", "")
  const copy = button("Copy", () => {
    navigator.clipboard.writeText(code).then(
      () => {
        copy.textContent = "Copied"
      },
      () => getSelection()?.selectAllChildren(line.children[0] ?? line),
    )
  })
  line.append(element("code", "", code), copy)
  return line
}

/** Whose kernel the panel works in: the notebook or console that the user was in last. */

import type { JupyterFrontEnd } from "@jupyterlab/application"
import type { ISessionContext } from "@jupyterlab/apputils"
import type { ConsolePanel, IConsoleTracker } from "@jupyterlab/console"
import {
  type INotebookTracker,
  NotebookActions,
  type NotebookPanel,
} from "@jupyterlab/notebook"
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime"
import { Signal } from "@lumino/signaling"
import type { Widget } from "@lumino/widgets"

export interface Target {
  sessionContext: ISessionContext
  /** It knows the widgets of this kernel. */
  rendermime: IRenderMimeRegistry
  /** Goes when the target goes. */
  owner: Widget
  title: string
  /** The command that lets the user choose a kernel. */
  chooseKernel: string
  /** Put Python source into a cell; null where there are none. */
  insert: ((source: string) => void) | null
}

/** Follows the user from notebook to notebook. */
export class TargetFollower {
  readonly changed = new Signal<this, void>(this)
  #current: NotebookPanel | ConsolePanel | null = null

  constructor(
    readonly notebooks: INotebookTracker | null,
    readonly consoles: IConsoleTracker | null,
    shell: JupyterFrontEnd.IShell,
  ) {
    this.#current = notebooks?.currentWidget ?? consoles?.currentWidget ?? null
    notebooks?.currentChanged.connect((_, panel) => this.#follow(panel))
    consoles?.currentChanged.connect((_, panel) => this.#follow(panel))
    // A tracker says nothing when the user comes back to what was its current widget already.
    shell.currentChanged?.connect((_, { newValue }) => {
      if (newValue !== null && this.#has(newValue)) this.#follow(newValue)
    })
  }

  get current(): Target | null {
    const panel = this.#current
    if (panel === null || panel.isDisposed) return null
    return this.notebooks?.has(panel)
      ? ofNotebook(panel as NotebookPanel)
      : ofConsole(panel as ConsolePanel)
  }

  #has(widget: Widget): widget is NotebookPanel | ConsolePanel {
    return Boolean(this.notebooks?.has(widget) || this.consoles?.has(widget))
  }

  #follow(panel: NotebookPanel | ConsolePanel | null): void {
    const next =
      panel ?? this.notebooks?.currentWidget ?? this.consoles?.currentWidget ?? null
    if (next === this.#current) return
    this.#current = next
    this.changed.emit()
  }
}

function ofNotebook(panel: NotebookPanel): Target {
  return {
    sessionContext: panel.sessionContext,
    rendermime: panel.content.rendermime,
    owner: panel,
    title: panel.title.label,
    chooseKernel: "notebook:change-kernel",
    insert: (source) => insertCell(panel, source),
  }
}

function ofConsole(panel: ConsolePanel): Target {
  return {
    sessionContext: panel.sessionContext,
    rendermime: panel.console.rendermime,
    owner: panel,
    title: panel.title.label,
    chooseKernel: "console:change-kernel",
    insert: null,
  }
}

/** Put source into the active cell if that is an empty code cell, else into one below it. */
function insertCell(panel: NotebookPanel, source: string): void {
  const { content } = panel
  const active = content.activeCell?.model
  const isFree = active?.type === "code" && active.sharedModel.getSource().trim() === ""
  if (!isFree) NotebookActions?.insertBelow(content)
  content.activeCell?.model.sharedModel.setSource(source)
  content.activate()
}

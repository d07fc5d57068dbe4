/** The side bar's view of the panel of one kernel, through that kernel's whole life. */

import { MimeModel } from "@jupyterlab/rendermime"
import type { Kernel } from "@jupyterlab/services"
import { Signal } from "@lumino/signaling"
import { Panel, type Widget } from "@lumino/widgets"
import { CODE_EVENT, type CodeRequest } from "../src/code-event"
import { evaluate, PANEL } from "./kernel"
import { keepsPanel, obstacle, refusal, type SideState } from "./states"
import type { Target } from "./target"

export const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

interface View {
  kernelId: string
  modelId: string
  widget: Widget
}

export class Binding {
  /** Holds the panel. */
  readonly node = new Panel()
  readonly changed = new Signal<this, void>(this)
  #state: SideState = { kind: "starting" }
  #view: View | null = null
  #obstacle: string | null = null
  // Counts what was asked, so that late answers are told from the last one.
  #round = 0

  constructor(readonly target: Target) {
    this.node.addClass("outboard-side-view")
    const { sessionContext } = target
    sessionContext.statusChanged.connect(this.#look, this)
    sessionContext.connectionStatusChanged.connect(this.#look, this)
    sessionContext.kernelChanged.connect(this.refresh, this)
    sessionContext.sessionChanged.connect(this.#look, this)
    sessionContext.disposed.connect(this.dispose, this)
    sessionContext.ready.then(() => this.#look())
  }

  get state(): SideState {
    return this.#state
  }

  get isDisposed(): boolean {
    return this.node.isDisposed
  }

  get kernel(): Kernel.IKernelConnection | null {
    return this.target.sessionContext.session?.kernel ?? null
  }

  /** Ask the panel in sight for its call as Python: it knows what was typed last. */
  code(): Promise<string> {
    const root = this.node.node.querySelector("[data-testid=outboard-panel]")
    return new Promise((resolve, reject) => {
      if (root === null) return reject(new Error("The panel is not there yet."))
      const detail: CodeRequest = { answer: resolve }
      root.dispatchEvent(new CustomEvent(CODE_EVENT, { detail }))
    })
  }

  dispose(): void {
    if (this.isDisposed) return
    this.#round += 1
    Signal.clearData(this)
    this.node.dispose()
  }

  /** Ask the kernel for its panel, and show it unless it is the one in sight. */
  refresh(): void {
    this.#round += 1
    this.#show(this.#round).catch((cause: unknown) => {
      // A restart gives up what was asked; its end asks again.
      if (!this.isDisposed) this.#look()
      if (!this.isDisposed && this.#state.kind === "opening")
        this.#set({ kind: "failed", message: String(cause) })
    })
  }

  async #show(round: number): Promise<void> {
    const inTheWay = this.#findObstacle()
    const kernel = this.kernel
    if (inTheWay !== null || kernel === null) return
    if (this.#view?.kernelId !== kernel.id) this.#drop()
    if (this.#view === null)
      this.#set({
        kind: kernel.status === "busy" && !kernel.supportsSubshells ? "busy" : "opening",
      })

    const { language_info } = await kernel.info
    if (round !== this.#round) return
    if (language_info.name !== "python")
      return this.#set({ kind: "not-python", language: language_info.name })

    const answer = await evaluate(kernel, PANEL)
    if (round !== this.#round) return
    const view = answer.ok
      ? (answer.data[WIDGET_VIEW] as { model_id: string })
      : undefined
    if (!answer.ok || view === undefined) {
      this.#drop()
      return this.#set(
        answer.ok
          ? { kind: "failed", message: "The kernel's answer is no panel." }
          : refusal(answer),
      )
    }
    if (this.#view?.modelId !== view.model_id) await this.#render(kernel.id, view)
    if (round === this.#round) this.#set({ kind: "shown" })
  }

  async #render(kernelId: string, view: { model_id: string }): Promise<void> {
    this.#drop()
    const widget = this.target.rendermime.createRenderer(WIDGET_VIEW)
    this.#view = { kernelId, modelId: view.model_id, widget }
    this.node.addWidget(widget)
    await widget.renderModel(
      new MimeModel({ data: { [WIDGET_VIEW]: view }, trusted: true }),
    )
  }

  /** Follow the kernel's status; what only comes and goes with each cell is none of ours. */
  #look(): void {
    if (this.isDisposed) return
    const before = this.#obstacle
    if (this.#findObstacle() === null && before !== null) this.refresh()
  }

  #findObstacle(): SideState | null {
    const { kernelDisplayStatus } = this.target.sessionContext
    const found = obstacle(kernelDisplayStatus, this.kernel !== null)
    this.#obstacle = found?.kind ?? null
    if (found !== null && !(keepsPanel(found) && this.#view !== null)) {
      this.#round += 1
      this.#drop()
      this.#set(found)
    }
    return found
  }

  #drop(): void {
    this.#view?.widget.dispose()
    this.#view = null
  }

  #set(state: SideState): void {
    this.#state = state
    this.changed.emit()
  }
}

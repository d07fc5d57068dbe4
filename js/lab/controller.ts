/** Keeps the side bar on the panel of the kernel that the user is in. */

import type { JupyterFrontEnd } from "@jupyterlab/application"
import { Notification } from "@jupyterlab/apputils"
import { NotebookActions } from "@jupyterlab/notebook"
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime"
import { Binding, WIDGET_VIEW } from "./binding"
import { endLeftBehind, startOwnKernel } from "./own-kernel"
import { SidePanel } from "./SidePanel"
import type { ActionName, SideState } from "./states"
import type { Target, TargetFollower } from "./target"

export class Controller {
  readonly panel: SidePanel
  readonly #bindings = new Map<Target["sessionContext"], Binding>()
  #own: Target | null = null
  #ownState: SideState = { kind: "no-notebook" }

  constructor(
    readonly app: JupyterFrontEnd,
    readonly follower: TargetFollower,
    readonly rendermime: IRenderMimeRegistry,
  ) {
    this.panel = new SidePanel({
      act: (action) => this.#act(action),
      insert: () => this.#insert(),
      endOwnKernel: () => this.#endOwnKernel(),
    })
    this.panel.onVisible = () => this.update()
    follower.changed.connect(() => this.update())
    // A cell that displayed a widget may have displayed the panel that is to be shown now.
    NotebookActions?.executed?.connect((_, { cell }) => {
      const outputs = cell.model.toJSON().outputs
      if (JSON.stringify(outputs ?? "").includes(WIDGET_VIEW)) this.update()
    })
    endLeftBehind(app.serviceManager.sessions, Date.now()).catch(() => {
      // Whoever may not list sessions cannot have left one behind.
    })
    this.#display()
  }

  /** Look whose panel is to be shown, and ask for it if the side bar is open. */
  update(): void {
    const target = this.follower.current
    // A notebook takes the place of the kernel that stood in for one.
    if (target !== null && this.#own !== null) this.#endOwnKernel()
    if (this.panel.isVisible) this.#binding()?.refresh()
    this.#display()
  }

  get #target(): Target | null {
    return this.follower.current ?? this.#own
  }

  #binding(): Binding | null {
    const target = this.#target
    if (target === null) return null
    const { sessionContext, owner } = target
    const known = this.#bindings.get(sessionContext)
    if (known !== undefined && !known.isDisposed) return known
    const binding = new Binding(target)
    this.#bindings.set(sessionContext, binding)
    binding.changed.connect(() => this.#display())
    owner.disposed.connect(() => {
      binding.dispose()
      this.#bindings.delete(sessionContext)
      this.update()
    })
    return binding
  }

  #display(): void {
    const target = this.#target
    const binding = target && (this.#bindings.get(target.sessionContext) ?? null)
    this.panel.display({
      binding,
      state: target === null ? this.#ownState : (binding?.state ?? { kind: "starting" }),
      title: target?.title ?? "",
      canInsert: Boolean(target?.insert),
      isOwnKernel: target !== null && target === this.#own,
    })
  }

  #act(action: ActionName): void {
    const target = this.#target
    switch (action) {
      case "start-own-kernel":
        void this.#startOwnKernel()
        break
      case "choose-kernel":
        if (target !== null) void this.app.commands.execute(target.chooseKernel)
        break
      case "restart-kernel":
        void target?.sessionContext.restartKernel()
        break
      case "retry":
        if (target === null) void this.#startOwnKernel()
        else this.#binding()?.refresh()
    }
  }

  async #startOwnKernel(): Promise<void> {
    this.#ownState = { kind: "starting" }
    this.#display()
    try {
      const own = await startOwnKernel(this.app.serviceManager, this.rendermime)
      own.sessionContext.sessionChanged.connect(() => {
        // It was ended elsewhere, e.g. in the list of running kernels.
        if (this.#own === own && own.sessionContext.session === null) this.#endOwnKernel()
      })
      this.#own = own
      this.#ownState = { kind: "no-notebook" }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      this.#ownState = { kind: "failed", message }
    }
    this.update()
  }

  #endOwnKernel(): void {
    const own = this.#own
    this.#own = null
    own?.owner.dispose()
  }

  async #insert(): Promise<void> {
    const target = this.#target
    const binding = target && this.#bindings.get(target.sessionContext)
    if (!target?.insert || !binding) return
    try {
      target.insert(await binding.code())
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      Notification.error(message, { autoClose: 10_000 })
    }
  }
}

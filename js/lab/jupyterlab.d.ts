/**
 * The part of JupyterLab that the plugin uses, as its packages declare it. They are not installed:
 * with all they depend on they would be 330 MB for these few names, which only the page provides.
 * The browser tests hold these declarations against the real ones.
 */

declare module "@lumino/signaling" {
  export interface ISignal<Sender, Args> {
    connect(slot: (sender: Sender, args: Args) => void, thisArg?: unknown): boolean
  }
  export class Signal<Sender, Args> implements ISignal<Sender, Args> {
    constructor(sender: Sender)
    connect(slot: (sender: Sender, args: Args) => void, thisArg?: unknown): boolean
    emit(args: Args): void
    static clearData(object: unknown): void
  }
}

declare module "@lumino/widgets" {
  import type { LabIcon } from "@jupyterlab/ui-components"
  import type { ISignal } from "@lumino/signaling"

  export interface Title<Owner> {
    readonly owner: Owner
    label: string
    caption: string
    className: string
    icon: LabIcon | undefined
  }
  export class Widget {
    id: string
    readonly node: HTMLElement
    readonly title: Title<Widget>
    readonly parent: Widget | null
    readonly isDisposed: boolean
    readonly isVisible: boolean
    readonly disposed: ISignal<this, void>
    addClass(name: string): void
    activate(): void
    dispose(): void
    setHidden(hidden: boolean): void
    protected onAfterShow(): void
    protected onAfterAttach(): void
  }
  export class Panel extends Widget {
    readonly widgets: readonly Widget[]
    addWidget(widget: Widget): void
  }
}

declare module "@jupyterlab/ui-components" {
  export class LabIcon {
    constructor(options: { name: string; svgstr: string })
  }
}

declare module "@jupyterlab/services" {
  export namespace KernelMessage {
    interface IMessage {
      content: unknown
    }
    interface ExecuteContent {
      code: string
      silent: boolean
      store_history: boolean
      allow_stdin: boolean
      stop_on_error: boolean
      user_expressions: Record<string, string>
    }
    function createMessage(options: {
      msgType: "execute_request"
      channel: "shell"
      username: string
      session: string
      subshellId: string
      content: ExecuteContent
    }): IMessage
  }
  export namespace Kernel {
    interface IModel {
      readonly id: string
      readonly last_activity?: string
      readonly connections?: number
    }
    interface IFuture<Reply> {
      readonly done: Promise<Reply>
    }
    interface IKernelConnection extends IModel {
      readonly status: string
      readonly connectionStatus: string
      readonly clientId: string
      readonly username: string
      readonly isDisposed: boolean
      readonly supportsSubshells: boolean
      readonly info: Promise<{ language_info: { name: string } }>
      requestExecute(
        content: KernelMessage.ExecuteContent,
      ): IFuture<KernelMessage.IMessage>
      sendShellMessage(
        message: KernelMessage.IMessage,
        expectReply: boolean,
      ): IFuture<KernelMessage.IMessage>
      requestCreateSubshell(
        content: object,
      ): IFuture<{ content: { subshell_id: string } }>
      requestDeleteSubshell(content: { subshell_id: string }): IFuture<unknown>
    }
    interface IManager {
      readonly ready: Promise<void>
    }
  }
  export namespace Session {
    interface IModel {
      readonly id: string
      readonly path: string
      readonly kernel: Kernel.IModel | null
    }
    interface ISessionConnection {
      readonly id: string
      readonly kernel: Kernel.IKernelConnection | null
    }
    interface IManager {
      readonly ready: Promise<void>
      running(): IterableIterator<IModel>
      refreshRunning(): Promise<void>
      shutdown(id: string): Promise<void>
    }
  }
  export namespace KernelSpec {
    interface IManager {
      readonly ready: Promise<void>
      readonly specs: {
        default: string
        kernelspecs: Record<string, { language: string } | undefined>
      } | null
    }
  }
  export namespace ServerConnection {
    interface ISettings {
      readonly baseUrl: string
    }
    function makeRequest(
      url: string,
      init: RequestInit,
      settings: ISettings,
    ): Promise<Response>
  }
  export namespace ServiceManager {
    interface IManager {
      readonly kernels: Kernel.IManager
      readonly sessions: Session.IManager
      readonly kernelspecs: KernelSpec.IManager
      readonly serverSettings: ServerConnection.ISettings
    }
  }
}

declare module "@jupyterlab/rendermime" {
  import type { Token } from "@jupyterlab/application"
  import type { Widget } from "@lumino/widgets"

  export class MimeModel {
    constructor(options: { data: Record<string, unknown>; trusted: boolean })
  }
  export interface IRenderMimeRegistry {
    clone(): IRenderMimeRegistry
    createRenderer(mimeType: string): Widget & {
      renderModel(model: MimeModel): Promise<void>
    }
  }
  export const IRenderMimeRegistry: Token<IRenderMimeRegistry>
}

declare module "@jupyterlab/application" {
  import type { ServiceManager } from "@jupyterlab/services"
  import type { ISignal } from "@lumino/signaling"
  import type { Widget } from "@lumino/widgets"

  /** Of @lumino/coreutils. */
  export interface Token<Value> {
    readonly name: string
    readonly _tokenStructuralPropertyT: Value
  }
  export namespace JupyterFrontEnd {
    interface IShell {
      readonly currentChanged?: ISignal<unknown, { newValue: Widget | null }>
      add(widget: Widget, area: string, options: { rank: number }): void
      activateById(id: string): void
    }
  }
  export interface JupyterFrontEnd {
    readonly shell: JupyterFrontEnd.IShell
    readonly serviceManager: ServiceManager.IManager
    readonly commands: {
      addCommand(
        id: string,
        options: {
          label: string
          caption: string
          icon: unknown
          execute: () => unknown
        },
      ): unknown
      execute(id: string): Promise<unknown>
    }
  }
  export interface JupyterFrontEndPlugin<Value> {
    id: string
    description: string
    autoStart: boolean
    requires: Token<unknown>[]
    optional: Token<unknown>[]
    activate: (app: JupyterFrontEnd, ...services: never[]) => Value
  }
  export interface ILayoutRestorer {
    add(widget: Widget, name: string): void
  }
  export const ILayoutRestorer: Token<ILayoutRestorer>
}

declare module "@jupyterlab/apputils" {
  import type { Token } from "@jupyterlab/application"
  import type { Kernel, KernelSpec, Session } from "@jupyterlab/services"
  import type { ISignal } from "@lumino/signaling"
  import type { Widget } from "@lumino/widgets"

  export interface ISessionContext {
    readonly session: Session.ISessionConnection | null
    readonly kernelDisplayStatus: string
    readonly ready: Promise<void>
    readonly disposed: ISignal<this, void>
    readonly sessionChanged: ISignal<this, unknown>
    readonly kernelChanged: ISignal<this, unknown>
    readonly statusChanged: ISignal<this, unknown>
    readonly connectionStatusChanged: ISignal<this, unknown>
    restartKernel(): Promise<void>
  }
  export class SessionContext implements ISessionContext {
    constructor(options: {
      kernelManager: Kernel.IManager
      sessionManager: Session.IManager
      specsManager: KernelSpec.IManager
      name: string
      path: string
      type: string
      kernelPreference: { name: string; shutdownOnDispose: boolean }
    })
    readonly session: Session.ISessionConnection | null
    readonly kernelDisplayStatus: string
    readonly ready: Promise<void>
    readonly disposed: ISignal<this, void>
    readonly sessionChanged: ISignal<this, unknown>
    readonly kernelChanged: ISignal<this, unknown>
    readonly statusChanged: ISignal<this, unknown>
    readonly connectionStatusChanged: ISignal<this, unknown>
    restartKernel(): Promise<void>
    initialize(): Promise<boolean>
    dispose(): void
  }
  export interface IWidgetTracker<Kind extends Widget> {
    readonly currentWidget: Kind | null
    readonly currentChanged: ISignal<this, Kind | null>
    has(widget: Widget): boolean
    find(matches: (widget: Kind) => boolean): Kind | undefined
  }
  export interface ICommandPalette {
    addItem(item: { command: string; category: string }): unknown
  }
  export const ICommandPalette: Token<ICommandPalette>
  export namespace Notification {
    interface IOptions {
      autoClose: number | false
      actions?: { label: string; callback: () => void }[]
    }
    function emit(
      message: string,
      type: "success" | "warning" | "error" | "info",
      options: IOptions,
    ): string
    function error(message: string, options: IOptions): string
    function dismiss(id?: string): void
  }
}

declare module "@jupyterlab/launcher" {
  import type { Token } from "@jupyterlab/application"

  export interface ILauncher {
    add(item: { command: string; category: string; rank: number }): unknown
  }
  export const ILauncher: Token<ILauncher>
}

declare module "@jupyterlab/console" {
  import type { Token } from "@jupyterlab/application"
  import type { ISessionContext, IWidgetTracker } from "@jupyterlab/apputils"
  import type { IRenderMimeRegistry } from "@jupyterlab/rendermime"
  import type { Widget } from "@lumino/widgets"

  export class ConsolePanel extends Widget {
    readonly sessionContext: ISessionContext
    readonly console: { readonly rendermime: IRenderMimeRegistry }
  }
  export interface IConsoleTracker extends IWidgetTracker<ConsolePanel> {}
  export const IConsoleTracker: Token<IConsoleTracker>
}

declare module "@jupyterlab/notebook" {
  import type { Token } from "@jupyterlab/application"
  import type { ISessionContext, IWidgetTracker } from "@jupyterlab/apputils"
  import type { IRenderMimeRegistry } from "@jupyterlab/rendermime"
  import type { ISignal } from "@lumino/signaling"
  import type { Widget } from "@lumino/widgets"

  interface Cell {
    readonly model: {
      readonly type: string
      readonly sharedModel: { getSource(): string; setSource(source: string): void }
      toJSON(): { outputs?: unknown }
    }
  }
  export interface Notebook extends Widget {
    readonly rendermime: IRenderMimeRegistry
    readonly activeCell: Cell | null
  }
  export class NotebookPanel extends Widget {
    readonly sessionContext: ISessionContext
    readonly content: Notebook
    readonly context: { readonly path: string }
  }
  export interface INotebookTracker extends IWidgetTracker<NotebookPanel> {}
  export const INotebookTracker: Token<INotebookTracker>
  export const NotebookActions:
    | {
        readonly executed: ISignal<unknown, { cell: Cell }>
        insertBelow(notebook: Notebook): void
      }
    | undefined
}

declare module "@jupyter-widgets/jupyterlab-manager" {
  import type { ISessionContext } from "@jupyterlab/apputils"
  import type { IRenderMimeRegistry } from "@jupyterlab/rendermime"

  /** Not there where the application has no widgets. */
  export const registerWidgetManager:
    | ((
        context: {
          sessionContext: ISessionContext
          saveState: { connect: () => boolean }
          model: { getMetadata: () => unknown }
        },
        rendermime: IRenderMimeRegistry,
        renderers: readonly never[],
      ) => unknown)
    | undefined
}

/** What the panel needs of the model that an anywidget host hands to it. */

type Listener = (...args: never[]) => void

export interface HostModel {
  get(name: string): unknown
  set(name: string, value: unknown): void
  save_changes(): void
  send(content: unknown): void
  on(event: string, listener: Listener): void
  off(event: string, listener: Listener): void
}

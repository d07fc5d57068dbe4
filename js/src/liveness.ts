/** Whether the kernel behind the panel still answers. */

import { type ReadonlySignal, signal } from "@preact/signals"

export type KernelState =
  /** Nothing has come yet. */
  | "waiting"
  | "alive"
  /** It shows signs of life, but a request waits. */
  | "busy"
  /** Restarted, stopped or out of reach. */
  | "silent"

export const SILENT_AFTER_MS = 7_000
const BUSY_AFTER_MS = 1_000
const LOOK_EVERY_MS = 500

export interface LivenessParts {
  longestWaitMs: (now: number) => number
  now?: () => number
  isVisible?: () => boolean
}

export class Liveness {
  readonly #state = signal<KernelState>("waiting")
  readonly #parts: Required<LivenessParts>
  #heard: number
  #everHeard = false
  #wasVisible = true
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(parts: LivenessParts) {
    this.#parts = {
      now: () => Date.now(),
      isVisible: () => document.visibilityState !== "hidden",
      ...parts,
    }
    this.#heard = this.#parts.now()
  }

  get state(): ReadonlySignal<KernelState> {
    return this.#state
  }

  /** Note any message or trait update of the kernel. */
  heard(): void {
    this.#heard = this.#parts.now()
    this.#everHeard = true
    this.look()
  }

  start(): void {
    if (this.#timer !== undefined) return
    // Nobody listened until now.
    this.#heard = this.#parts.now()
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  look(): void {
    const now = this.#parts.now()
    // A hidden page gets its messages late; it is judged from when it is seen again.
    const visible = this.#parts.isVisible()
    if (visible && !this.#wasVisible) this.#heard = now
    this.#wasVisible = visible
    if (!visible) return
    this.#state.value = this.#judge(now)
  }

  #judge(now: number): KernelState {
    if (now - this.#heard > SILENT_AFTER_MS) return "silent"
    if (!this.#everHeard) return "waiting"
    return this.#parts.longestWaitMs(now) > BUSY_AFTER_MS ? "busy" : "alive"
  }
}

/** Starting a job, once for each intent. */

import { type ReadonlySignal, signal } from "@preact/signals"
import { type RpcError, toRpcError } from "../rpc"
import type { PanelState } from "../state"

export type LaunchState =
  | { status: "idle" }
  | { status: "launching"; trial: number | null }
  /** Launched; the snapshot has not shown it yet. */
  | { status: "launched"; jobId: string }
  | { status: "failed"; error: RpcError }

/** How long a launched job may take to appear before the buttons work again. */
const APPEARS_WITHIN_MS = 5_000

export class Launching {
  readonly #panel: PanelState
  readonly #state = signal<LaunchState>({ status: "idle" })
  // A launch whose reply was lost is repeated with its token, so that it starts one job only.
  #intent: { key: string; token: string } | null = null

  constructor(panel: PanelState) {
    this.#panel = panel
    const stop = panel.job.subscribe((job) => {
      const state = this.#state.peek()
      if (state.status === "launched" && state.jobId === job?.id) this.reset()
    })
    panel.closed.addEventListener("abort", stop)
  }

  get state(): ReadonlySignal<LaunchState> {
    return this.#state
  }

  get busy(): boolean {
    return (
      this.#state.value.status === "launching" || this.#state.value.status === "launched"
    )
  }

  reset(): void {
    this.#state.value = { status: "idle" }
  }

  async launch(trial: number | null): Promise<void> {
    if (this.busy) return
    const { call, rpc, flushCall } = this.#panel
    flushCall()
    const draft = call.peek()
    const key = JSON.stringify([draft, trial])
    if (this.#intent?.key !== key) this.#intent = { key, token: newToken() }
    const { token } = this.#intent
    this.#state.value = { status: "launching", trial }
    try {
      const { payload } = await rpc.request("launch", { draft, token, trial })
      this.#intent = null
      this.#await(payload.job_id)
    } catch (cause) {
      this.#state.value = { status: "failed", error: toRpcError(cause) }
    }
  }

  #await(jobId: string): void {
    if (this.#panel.job.peek()?.id === jobId) {
      this.reset()
      return
    }
    this.#state.value = { status: "launched", jobId }
    setTimeout(() => {
      const state = this.#state.peek()
      if (state.status === "launched" && state.jobId === jobId) this.reset()
    }, APPEARS_WITHIN_MS)
  }
}

function newToken(): string {
  const words = crypto.getRandomValues(new Uint32Array(4))
  return [...words].map((word) => word.toString(16).padStart(8, "0")).join("")
}

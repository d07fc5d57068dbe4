/** Prompts and references of the rows on screen, which come a moment after the rows. */

import type { PromptRow } from "../messages"
import { type Ask, promptsOf } from "./rows"

/** Reading them can mean going deep into a file: wait until the list rests. */
const REST_MS = 120

/** Most rows whose prompts are kept. */
const MOST_KEPT = 3_000

/** Most rows of one request. */
const MOST_ASKED = 200

export type PromptState =
  | { status: "pending" }
  | { status: "ready"; prompt: string | null; reference: string | null }
  | { status: "failed" }

const PENDING: PromptState = { status: "pending" }

export class PromptCells {
  readonly #ask: Ask
  readonly #changed: () => void
  #jobId: string | null = null
  #kept = new Map<number, PromptState>()
  #wanted: readonly number[] = []
  #fetching: { ordinals: ReadonlySet<number>; controller: AbortController } | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ask: Ask, changed: () => void) {
    this.#ask = ask
    this.#changed = changed
  }

  get(ordinal: number): PromptState {
    return this.#kept.get(ordinal) ?? PENDING
  }

  /** Say which rows are on screen. */
  show(jobId: string, ordinals: readonly number[]): void {
    if (jobId !== this.#jobId) {
      this.#giveUp()
      this.#kept.clear()
      this.#jobId = jobId
      this.#wanted = []
    }
    if (sameNumbers(ordinals, this.#wanted)) return
    this.#wanted = ordinals
    if (
      this.#fetching &&
      !ordinals.some((ordinal) => this.#fetching?.ordinals.has(ordinal))
    )
      this.#giveUp()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#fetch(), REST_MS)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#giveUp()
  }

  #giveUp(): void {
    this.#fetching?.controller.abort()
    this.#fetching = null
  }

  async #fetch(): Promise<void> {
    const ordinals = this.#wanted
      .filter((ordinal) => !this.#kept.has(ordinal))
      .slice(0, MOST_ASKED)
    const jobId = this.#jobId
    if (this.#fetching !== null || jobId === null || ordinals.length === 0) return

    const controller = new AbortController()
    this.#fetching = { ordinals: new Set(ordinals), controller }
    let found: PromptRow[] = []
    try {
      const reply = await this.#ask(
        "prompts",
        { job_id: jobId, ordinals: [...ordinals] },
        { signal: controller.signal },
      )
      found = promptsOf(reply.buffer)
    } catch {
      // The detail of a row tells what is wrong; a cell has no room for it.
    }
    if (controller.signal.aborted) return
    this.#fetching = null
    for (const ordinal of ordinals) this.#keep(ordinal, { status: "failed" })
    for (const { ordinal, prompt, reference } of found)
      this.#keep(ordinal, { status: "ready", prompt, reference })
    this.#changed()
    void this.#fetch()
  }

  #keep(ordinal: number, state: PromptState): void {
    this.#kept.delete(ordinal)
    this.#kept.set(ordinal, state)
    for (const old of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) return
      this.#kept.delete(old)
    }
  }
}

function sameNumbers(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((value, i) => value === right[i])
}

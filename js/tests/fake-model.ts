/** A host's model whose kernel is played by the test. */

import type { HostModel } from "../src/host"
import type {
  Draft,
  ErrorItem,
  JobSnapshot,
  RequestMessage,
  Requests,
  RequestType,
} from "../src/messages"

export const DRAFT: Draft = {
  model_name: "smollm2-135m-instruct",
  provider: "local",
  column_mappings: null,
  datasource_uids: [],
  rows: { kind: "all" },
  generation: {},
  deployment: {},
  prompt_template: "{instruction}",
}

/** What a handler answers with instead of a payload. */
export class Refusal {
  constructor(readonly error: ErrorItem) {}
}

export class WithBuffer<Payload> {
  constructor(
    readonly payload: Payload,
    readonly buffer: DataView,
  ) {}
}

type Outcome<Payload> = Payload | WithBuffer<Payload> | Refusal

export type Handlers = {
  [Type in RequestType]?: (
    payload: Requests[Type][0],
  ) => Outcome<Requests[Type][1]> | Promise<Outcome<Requests[Type][1]>>
}

type Listener = (...args: never[]) => void

export class FakeModel implements HostModel {
  /** Everything that was sent, aborts included. */
  readonly sent: RequestMessage[] = []
  /** Traits as the kernel has them: written by `save_changes`. */
  readonly saved: Record<string, unknown>[] = []
  handlers: Handlers
  readonly #traits: Record<string, unknown>
  readonly #listeners = new Map<string, Set<Listener>>()
  #unsaved: Record<string, unknown> = {}

  constructor(handlers: Handlers = {}, traits: Record<string, unknown> = {}) {
    this.handlers = handlers
    this.#traits = {
      call: DRAFT,
      job: null,
      versions: { datasources: 0, jobs: 0, presets: 0 },
      session: { id: "0", notebook: null },
      ...traits,
    }
  }

  get(name: string): unknown {
    return this.#traits[name]
  }

  set(name: string, value: unknown): void {
    this.#traits[name] = value
    this.#unsaved[name] = value
    this.#emit(`change:${name}`)
  }

  save_changes(): void {
    this.saved.push(this.#unsaved)
    this.#unsaved = {}
  }

  send(content: unknown): void {
    const message = content as RequestMessage
    this.sent.push(message)
    if (message.type === "abort") return
    const handler = this.handlers[message.type] as
      | ((payload: unknown) => unknown)
      | undefined
    if (handler === undefined) return
    void Promise.resolve(handler(message.payload)).then((outcome) => {
      if (outcome === undefined) return
      if (outcome instanceof Refusal) this.refuse(message.id, outcome.error)
      else if (outcome instanceof WithBuffer)
        this.answer(message.id, outcome.payload, [outcome.buffer])
      else this.answer(message.id, outcome)
    })
  }

  on(event: string, listener: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
  }

  off(event: string, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener)
  }

  /** How many listeners there are, to see that all have gone. */
  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, each) => sum + each.size, 0)
  }

  // The kernel's side.

  answer(id: string, payload: unknown, buffers: DataView[] = []): void {
    this.#emit("msg:custom", { id, ok: true, payload }, buffers)
  }

  refuse(id: string, error: Partial<ErrorItem>): void {
    const whole = {
      code: "internal",
      message: "It failed.",
      hint: "",
      field: null,
      ...error,
    }
    this.#emit("msg:custom", { id, ok: false, error: whole }, [])
  }

  beat(): void {
    this.#emit("msg:custom", { type: "beat", seq: 1 }, [])
  }

  fromKernel(name: string, value: unknown): void {
    this.#traits[name] = value
    this.#emit(`change:${name}`)
  }

  /** Requests of a type that were sent. */
  requests<Type extends RequestType>(
    type: Type,
  ): { id: string; payload: Requests[Type][0] }[] {
    return this.sent
      .filter((message) => message.type === type)
      .map(({ id, payload }) => ({ id, payload: payload as Requests[Type][0] }))
  }

  #emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])])
      (listener as (...args: unknown[]) => void)(...args)
  }
}

export function jobSnapshot(parts: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    id: "job-1",
    seq: 1,
    status: "running",
    live: true,
    resumable: false,
    trial: false,
    model_name: DRAFT.model_name,
    provider: "local",
    model_source_uid: "1",
    n_datasources: 1,
    total: 10,
    succeeded: 4,
    failed: 0,
    truncated: 0,
    pending: 6,
    rows_per_s: 2,
    tokens_per_s: 50,
    eta_s: 3,
    input_tokens: 100,
    output_tokens: 80,
    cost_usd: null,
    elapsed_s: 2,
    created_at: 1_796_000_000,
    phase: null,
    warning: null,
    error: null,
    results_version: 1,
    partials: [],
    ...parts,
  }
}

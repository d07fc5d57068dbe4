/** Requests to the kernel: each gets one reply, a timeout, or is given up. */

import type { HostModel } from "./host"
import type {
  ErrorItem,
  ReplyMessage,
  RequestMessage,
  Requests,
  RequestType,
} from "./messages"

export interface Reply<Payload> {
  payload: Payload
  buffer: DataView | null
}

export interface RequestOptions {
  signal?: AbortSignal
  timeoutMs?: number
}

/**
 * Why a request has no payload. Codes beside the kernel's own: `timeout`, `closed`,
 * `aborted`.
 */
export class RpcError extends Error {
  readonly code: string
  readonly hint: string
  readonly field: string | null

  constructor({ code, message, hint, field }: ErrorItem) {
    super(message)
    this.name = "RpcError"
    this.code = code
    this.hint = hint
    this.field = field
  }
}

export function toRpcError(cause: unknown): RpcError {
  if (cause instanceof RpcError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new RpcError({ code: "internal", message, hint: "", field: null })
}

const DEFAULT_TIMEOUT_MS = 30_000

/** Requests that read whole tables, talk to a cloud or fetch files. */
const SLOW_TIMEOUT_MS: Partial<Record<RequestType, number>> = {
  register: 600_000,
  export: 600_000,
  preflight: 180_000,
  preview: 120_000,
  launch: 120_000,
  resume: 120_000,
  retry_failed: 120_000,
  prompts: 120_000,
}

interface Waiting {
  type: RequestType
  since: number
  settle: (reply: ReplyMessage, buffer: DataView | null) => void
  fail: (error: RpcError) => void
}

export interface Rpc {
  request<Type extends RequestType>(
    type: Type,
    payload: Requests[Type][0],
    options?: RequestOptions,
  ): Promise<Reply<Requests[Type][1]>>
}

export class ModelRpc implements Rpc {
  readonly #model: HostModel
  readonly #waiting = new Map<string, Waiting>()
  // Replies reach every page that shows the model, so ids differ between pages.
  readonly #page = crypto.getRandomValues(new Uint32Array(2)).join("-")
  #count = 0
  #closed = false

  constructor(model: HostModel) {
    this.#model = model
  }

  request<Type extends RequestType>(
    type: Type,
    payload: Requests[Type][0],
    { signal, timeoutMs }: RequestOptions = {},
  ): Promise<Reply<Requests[Type][1]>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closed())
      if (signal?.aborted) return reject(aborted())
      const id = this.#nextId()
      const limit = timeoutMs ?? SLOW_TIMEOUT_MS[type] ?? DEFAULT_TIMEOUT_MS
      const giveUp = (error: RpcError) => {
        this.#send({ id: this.#nextId(), type: "abort", payload: { request: id } })
        leave()
        reject(error)
      }
      const onAbort = () => giveUp(aborted())
      const timer = setTimeout(() => giveUp(timedOut(type, limit)), limit)
      const leave = () => {
        clearTimeout(timer)
        signal?.removeEventListener("abort", onAbort)
        this.#waiting.delete(id)
      }
      signal?.addEventListener("abort", onAbort)
      this.#waiting.set(id, {
        type,
        since: Date.now(),
        settle: (reply, buffer) => {
          leave()
          if (reply.ok) resolve({ payload: reply.payload as Requests[Type][1], buffer })
          else reject(new RpcError(reply.error))
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      })
      this.#send({ id, type, payload })
    })
  }

  /** Take a message from the kernel; others' replies and beats are none of ours. */
  receive(message: unknown, buffers: readonly DataView[]): void {
    if (!isReply(message)) return
    this.#waiting.get(message.id)?.settle(message, buffers[0] ?? null)
  }

  /** How long the oldest request that should be answered at once has waited. */
  longestWaitMs(now: number): number {
    let longest = 0
    for (const { type, since } of this.#waiting.values()) {
      if (SLOW_TIMEOUT_MS[type] === undefined) longest = Math.max(longest, now - since)
    }
    return longest
  }

  close(): void {
    this.#closed = true
    for (const { fail } of [...this.#waiting.values()]) fail(closed())
  }

  #nextId(): string {
    this.#count += 1
    return `${this.#page}-${this.#count}`
  }

  #send(message: RequestMessage): void {
    try {
      this.#model.send(message)
    } catch {
      // A model without a comm cannot send. The request then times out, and liveness says why.
    }
  }
}

function isReply(message: unknown): message is ReplyMessage {
  return (
    typeof message === "object" && message !== null && "id" in message && "ok" in message
  )
}

function aborted(): RpcError {
  return new RpcError({
    code: "aborted",
    message: "The request was given up.",
    hint: "",
    field: null,
  })
}

function closed(): RpcError {
  return new RpcError({
    code: "closed",
    message: "The panel was closed.",
    hint: "Run the cell again.",
    field: null,
  })
}

function timedOut(type: RequestType, limitMs: number): RpcError {
  return new RpcError({
    code: "timeout",
    message: `The kernel did not answer '${type}' within ${Math.round(limitMs / 1000)} s.`,
    hint: "It may be busy. Try again, or run the cell again if it was restarted.",
    field: null,
  })
}

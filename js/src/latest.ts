/** A request that is made again when what it asks changes; only the latest answer counts. */

import { effect, type ReadonlySignal, signal } from "@preact/signals"
import type { Requests, RequestType } from "./messages"
import { type Rpc, type RpcError, toRpcError } from "./rpc"

export type Answer<Payload> =
  /** There is nothing to ask. */
  | { status: "none" }
  /** A newer answer is on its way; `last` is out of date. */
  | { status: "loading"; last: Payload | null }
  | { status: "ready"; value: Payload }
  | { status: "failed"; error: RpcError; last: Payload | null }

export interface Question<Type extends RequestType> {
  rpc: Rpc
  type: Type
  /** What to ask now, read as in an effect; null for nothing. */
  payload: () => Requests[Type][0] | null
  /** True while it is no use to ask; what is known until then stays. */
  paused: () => boolean
  /** How long it has to stay the same first. */
  restMs: number
  /** Anything else whose change asks again. */
  also?: () => unknown
  closed: AbortSignal
}

const ASKED_AGAIN_AFTER_MS = 500

export function askLatest<Type extends RequestType>(
  question: Question<Type>,
): ReadonlySignal<Answer<Requests[Type][1]>> {
  const answer = signal<Answer<Requests[Type][1]>>({ status: "none" })
  let asked: string | null = null
  let abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  const giveUp = () => {
    clearTimeout(timer)
    abort.abort()
    abort = new AbortController()
  }
  const ask = (payload: Requests[Type][0], signal: AbortSignal) => {
    question.rpc.request(question.type, payload, { signal }).then(
      (reply) => {
        if (!signal.aborted) answer.value = { status: "ready", value: reply.payload }
      },
      (cause: unknown) => {
        if (signal.aborted) return
        const error = toRpcError(cause)
        if (error.code === "aborted") {
          // Another page that shows this panel asked the same and took its place.
          timer = setTimeout(() => ask(payload, signal), ASKED_AGAIN_AFTER_MS)
          return
        }
        answer.value = {
          status: "failed",
          error,
          last: lastOf(answer.peek()),
        }
      },
    )
  }
  const stop = effect(() => {
    if (question.paused()) {
      giveUp()
      if (answer.peek().status !== "ready") asked = null
      return
    }
    const payload = question.payload()
    const key = payload && JSON.stringify([payload, question.also?.()])
    if (key === asked) return
    asked = key
    giveUp()
    if (payload === null) {
      answer.value = { status: "none" }
      return
    }
    answer.value = { status: "loading", last: lastOf(answer.peek()) }
    const { signal } = abort
    timer = setTimeout(() => ask(payload, signal), question.restMs)
  })
  question.closed.addEventListener("abort", () => {
    stop()
    giveUp()
  })
  return answer
}

/** The newest payload there is, out of date or not. */
export function lastOf<Payload>(answer: Answer<Payload>): Payload | null {
  switch (answer.status) {
    case "none":
      return null
    case "ready":
      return answer.value
    case "loading":
    case "failed":
      return answer.last
  }
}

/** What a run will take, in one line. */

import type { PreflightReply } from "../messages"
import { compact, counted, duration, money } from "../results/format"

export function estimateParts(reply: PreflightReply): string[] {
  const parts: string[] = []
  if (reply.n_rows !== null) parts.push(counted(reply.n_rows, "row"))
  if (reply.input_tokens !== null)
    parts.push(`${range(reply.input_tokens, compact)} tokens in`)
  if (reply.duration_s !== null) parts.push(range(reply.duration_s, roughly))
  parts.push(reply.cost_text)
  return parts
}

/** What the Run button says: how many rows, and what they will cost if something is rented. */
export function runLabel(reply: PreflightReply | null): string {
  if (reply?.n_rows == null) return "Run"
  const rows = `Run ${counted(reply.n_rows, "row")}`
  return reply.cost === null || reply.cost.high_usd === 0
    ? rows
    : `${rows} · ${range([reply.cost.low_usd, reply.cost.high_usd], money)}`
}

export function range(
  [low, high]: readonly [number, number],
  words: (value: number) => string,
): string {
  const [from, to] = [words(low), words(high)]
  return from === to ? from : `${from} to ${to}`
}

/** A duration without a precision that an estimate does not have. */
function roughly(seconds: number): string {
  if (seconds < 1) return "1 s"
  if (seconds < 60) return duration(Math.ceil(seconds))
  if (seconds < 3_600) return duration(Math.round(seconds / 60) * 60)
  return duration(Math.round(seconds / 600) * 600)
}

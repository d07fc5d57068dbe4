/** How a job's state reads: in words, icons and numbers. */

import type { JobSnapshot, JobStatus, ResultRow, RowStatus } from "../messages"
import type { IconName } from "../ui/Icon"
import { compact, count, counted, elapsed, money, rate, remaining } from "./format"

export type Tone = "quiet" | "good" | "warn" | "bad"

interface Look {
  icon: IconName
  tone: Tone
}

export const JOB_LOOKS: Readonly<Record<JobStatus, Look>> = {
  queued: { icon: "pause", tone: "quiet" },
  deploying: { icon: "refresh", tone: "quiet" },
  running: { icon: "play", tone: "quiet" },
  cancelling: { icon: "stop", tone: "warn" },
  cancelled: { icon: "stop", tone: "warn" },
  interrupted: { icon: "warning", tone: "warn" },
  failed: { icon: "error", tone: "bad" },
  succeeded: { icon: "check", tone: "good" },
}

export const ROW_LOOKS: Readonly<Record<RowStatus, Look>> = {
  succeeded: { icon: "check", tone: "good" },
  truncated: { icon: "warning", tone: "warn" },
  failed: { icon: "error", tone: "bad" },
}

/** A row that the token limit cut has succeeded, but must not look like it. */
export function statusOf(row: Pick<ResultRow, "status" | "finish_reason">): RowStatus {
  if (row.status === "failed") return "failed"
  return row.finish_reason === "length" ? "truncated" : "succeeded"
}

/** What the state means for the user, in a sentence; empty where the word says it all. */
export function explanation(job: JobSnapshot): string {
  const done = job.succeeded + job.failed
  switch (job.status) {
    case "queued":
      return "Waiting for its process to begin."
    case "deploying":
      return job.phase?.message ?? "Getting the model ready."
    case "running":
      return job.phase?.message ?? ""
    case "cancelling":
      return "Waiting for the requests in flight; their answers are kept."
    case "cancelled":
      return `${counted(done, "row")} kept, ${count(job.pending)} not sent.`
    case "interrupted":
      return (
        "Its process ended before the job did. " +
        `${counted(done, "finished row")} kept; resuming sends the other ${count(job.pending)}.`
      )
    case "failed":
      return done === 0 ? "" : `${counted(done, "finished row")} kept.`
    case "succeeded":
      return ""
  }
}

export interface Fact {
  label: string
  value: string
  tone?: Tone
}

/** The numbers worth a look now, `seconds` into the job. */
export function facts(job: JobSnapshot, seconds: number): Fact[] {
  const found: Fact[] = [
    { label: "succeeded", value: `${count(job.succeeded)} of ${count(job.total)}` },
  ]
  if (job.failed > 0)
    found.push({ label: "failed", value: count(job.failed), tone: "bad" })
  if (job.truncated > 0)
    found.push({ label: "truncated", value: count(job.truncated), tone: "warn" })
  if (job.live && job.rows_per_s !== null)
    found.push({ label: "rows/s", value: rate(job.rows_per_s) })
  if (job.live && job.tokens_per_s !== null)
    found.push({ label: "tokens/s", value: rate(job.tokens_per_s) })
  if (job.output_tokens > 0)
    found.push(
      { label: "tokens in", value: compact(job.input_tokens) },
      { label: "tokens out", value: compact(job.output_tokens) },
    )
  if (job.status === "running" && job.eta_s !== null)
    found.push({ label: "left", value: `about ${remaining(job.eta_s)}` })
  found.push({ label: "elapsed", value: elapsed(seconds) })
  if (job.cost_usd !== null)
    found.push({ label: job.live ? "so far" : "cost", value: money(job.cost_usd) })
  return found
}

export interface JobExtent {
  done: number
  /** Of those done. */
  failed: number
  total: number
}

/** How far a job is; null where that cannot be told. */
export function extentOf(job: JobSnapshot): JobExtent | null {
  const { phase, failed, total } = job
  if (job.status === "deploying" || job.status === "queued") {
    if (phase === null || phase.done === null || !phase.total) return null
    return { done: Math.min(phase.done, phase.total), failed: 0, total: phase.total }
  }
  return { done: job.succeeded + failed, failed, total }
}

/** The same for a screen reader. */
export function extentText(job: JobSnapshot): string {
  if (job.status === "deploying" || job.status === "queued") return explanation(job)
  const done = `${count(job.succeeded + job.failed)} of ${counted(job.total, "row")}`
  return job.failed > 0 ? `${done}, ${count(job.failed)} failed` : done
}

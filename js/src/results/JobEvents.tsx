import { useEffect, useState } from "preact/hooks"
import type { EventItem, JobSnapshot } from "../messages"
import { type RpcError, toRpcError } from "../rpc"
import { usePanel } from "../state"
import { Fold } from "../ui/Fold"
import { Fault } from "./Fault"
import { elapsed, moment } from "./format"
import { brief } from "./safe-text"

/** A job that is throttled for days has more of them than anybody reads. */
const MOST_SHOWN = 200

/** What happened to a job so far, on request: the phases of a deployment with their times. */
export function JobEvents({ job }: { job: JobSnapshot }) {
  return (
    <Fold label="What happened" class="ob-events">
      <Events job={job} />
    </Fold>
  )
}

function Events({ job }: { job: JobSnapshot }) {
  const { rpc } = usePanel()
  const [items, setItems] = useState<readonly EventItem[] | null>(null)
  const [error, setError] = useState<RpcError | null>(null)
  // There may be a new one when any of these has changed.
  const signs = [job.status, job.phase?.message, job.warning, job.live]
  useEffect(() => {
    const abort = new AbortController()
    const payload = { job_id: job.id, after: items?.at(-1)?.seq ?? 0 }
    rpc.request("events", payload, { signal: abort.signal }).then(
      (reply) => {
        if (abort.signal.aborted) return
        setError(null)
        setItems((known) => [...(known ?? []), ...reply.payload.items].slice(-MOST_SHOWN))
      },
      (cause: unknown) => {
        if (!abort.signal.aborted) setError(toRpcError(cause))
      },
    )
    return () => abort.abort()
  }, [rpc, job.id, ...signs])

  if (error !== null) return <Fault error={error} />
  if (items === null) return <p class="ob-muted">Reading…</p>
  if (items.length === 0) return <p class="ob-muted">Nothing yet.</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="ob-pre" tabIndex={0} aria-label="What happened">
      <ol>
        {items.map(({ seq, at, kind, message }) => (
          <li key={seq} class={kind === "warning" ? "ob-warning" : ""} title={moment(at)}>
            <span class="ob-muted">{elapsed(Math.max(0, at - job.created_at))}</span>
            <bdi>{brief(message === "" ? kind : message)}</bdi>
          </li>
        ))}
      </ol>
    </section>
  )
}

import { useEffect, useRef, useState } from "preact/hooks"
import { type RpcError, toRpcError } from "../rpc"
import { usePanel } from "../state"
import { Fold } from "../ui/Fold"
import { CopyButton } from "./CopyButton"
import { Fault } from "./Fault"
import { logLine, oneLine } from "./safe-text"

const LINES = 100

type Tail =
  | { status: "loading" }
  | { status: "ready"; path: string; lines: string[] }
  | { status: "failed"; error: RpcError }

/** The end of a job's log, on request. */
export function JobLog({ jobId }: { jobId: string }) {
  return (
    <Fold label="End of the log" class="ob-log">
      <LogTail jobId={jobId} />
    </Fold>
  )
}

function LogTail({ jobId }: { jobId: string }) {
  const { rpc } = usePanel()
  const [tail, setTail] = useState<Tail>({ status: "loading" })
  useEffect(() => {
    const abort = new AbortController()
    rpc.request("log", { job_id: jobId, lines: LINES }, { signal: abort.signal }).then(
      ({ payload }) => setTail({ status: "ready", ...payload }),
      (cause: unknown) => {
        if (!abort.signal.aborted) setTail({ status: "failed", error: toRpcError(cause) })
      },
    )
    return () => abort.abort()
  }, [rpc, jobId])

  const text = useRef<HTMLElement>(null)
  useEffect(() => {
    if (text.current) text.current.scrollTop = text.current.scrollHeight
  }, [tail])

  if (tail.status === "loading") return <p class="ob-muted">Reading…</p>
  if (tail.status === "failed") return <Fault error={tail.error} />
  const shown = tail.lines.map(logLine).join("\n")
  return (
    <div class="ob-stack">
      <div class="ob-line ob-small">
        <span class="ob-mono ob-muted ob-ellipsis ob-grow" title={oneLine(tail.path)}>
          {oneLine(tail.path)}
        </span>
        <CopyButton label="Copy log" text={() => tail.lines.join("\n")} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section ref={text} class="ob-pre" tabIndex={0} aria-label="End of the log">
        {shown === "" ? "The log is empty." : shown}
      </section>
    </div>
  )
}

import { useEffect, useState } from "preact/hooks"
import type { JobItem, Page } from "../messages"
import { type RpcError, toRpcError } from "../rpc"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { CopyPython } from "./CopyPython"
import { askFirstRows } from "./early-rows"
import { Fault } from "./Fault"
import { ago, count, counted, duration, moment, money } from "./format"
import "./results.css"
import { oneLine } from "./safe-text"
import { JOB_LOOKS } from "./status-words"

const STEP = 20
const MOST = 500
const REST_MS = 250

/** Jobs of the workspace, to look at again. */
export function History() {
  const panel = usePanel()
  const [search, setSearch] = useState("")
  const [limit, setLimit] = useState(STEP)
  const [page, setPage] = useState<Page<JobItem> | null>(null)
  const [error, setError] = useState<RpcError | null>(null)
  const [times, setTimes] = useState(0)
  const version = panel.versions.value.jobs
  const { rpc } = panel

  useEffect(() => {
    const abort = new AbortController()
    const ask = async () => {
      try {
        const reply = await rpc.request(
          "jobs",
          { search, limit },
          { signal: abort.signal },
        )
        if (abort.signal.aborted) return
        setPage(reply.payload)
        setError(null)
      } catch (cause) {
        if (!abort.signal.aborted) setError(toRpcError(cause))
      }
    }
    const timer = setTimeout(() => void ask(), search === "" ? 0 : REST_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [rpc, search, limit, version, times])

  return (
    <div class="ob-history ob-stack">
      <div class="ob-find">
        <Icon name="search" />
        <input
          type="search"
          data-testid="history-search"
          aria-label="Search runs"
          placeholder="Search runs by model, id, status"
          disabled={panel.kernel.value === "silent"}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      {error !== null && <Fault error={error} onRetry={() => setTimes(times + 1)} />}
      <ul
        class="ob-jobs"
        data-testid="job-history"
        aria-label="Runs"
        aria-busy={page === null}
      >
        {page?.items.map((job) => (
          <HistoryItem key={job.id} job={job} />
        ))}
      </ul>
      {page === null && error === null && <p class="ob-muted">Reading…</p>}
      {page?.items.length === 0 && (
        <p class="ob-muted">{search === "" ? "No run yet." : "No run matches."}</p>
      )}
      {page !== null && page.items.length < page.total && limit < MOST && (
        <button
          type="button"
          class="ob-button ob-more"
          onClick={() => setLimit(Math.min(MOST, limit + STEP * 2))}
        >
          Show more of {counted(page.total, "run")}
        </button>
      )}
    </div>
  )
}

function HistoryItem({ job: listed }: { job: JobItem }) {
  const panel = usePanel()
  const [error, setError] = useState<RpcError | null>(null)
  const shown = panel.job.value
  const isShown = shown?.id === listed.id
  // The list is read when a job changes its state, the snapshot of the one that is shown often.
  const job = isShown ? { ...listed, ...shown } : listed
  const look = JOB_LOOKS[job.status]

  const reopen = async () => {
    setError(null)
    const giveUp = isShown ? undefined : askFirstRows(panel, job.id)
    try {
      await panel.rpc.request("watch", { job_id: job.id, restore: true })
    } catch (cause) {
      giveUp?.()
      setError(toRpcError(cause))
    }
  }
  const rows =
    job.succeeded === job.total
      ? counted(job.total, "row")
      : `${count(job.succeeded)} of ${counted(job.total, "row")}`
  return (
    <li class={isShown ? "ob-job-shown" : ""}>
      <button
        type="button"
        class="ob-job"
        data-testid={`job-${job.id}`}
        aria-current={isShown ? "true" : undefined}
        title={`${job.id}\n${moment(job.created_at)}\nOpen this run with its settings`}
        disabled={!panel.answers.value}
        onClick={() => void reopen()}
      >
        <span class={`ob-cell-status ob-tone-${look.tone}`}>
          <Icon name={look.icon} />
          {job.status}
        </span>
        <span class="ob-job-model ob-ellipsis">
          <bdi>{oneLine(job.model_name)}</bdi>
        </span>
        {job.trial && <span class="ob-badge">trial</span>}
        <span class="ob-job-rows">
          {rows}
          {job.failed > 0 && <span class="ob-error"> {count(job.failed)} failed</span>}
          {job.truncated > 0 && (
            <span class="ob-warning"> {count(job.truncated)} truncated</span>
          )}
        </span>
        <span class="ob-muted ob-job-when">
          {ago(job.created_at, Date.now() / 1_000)}, {duration(job.elapsed_s)}
          {job.cost_usd !== null && job.cost_usd > 0 && `, ${money(job.cost_usd)}`}
        </span>
      </button>
      <CopyPython jobId={job.id} />
      {error !== null && <Fault error={error} />}
    </li>
  )
}

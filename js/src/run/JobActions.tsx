import { useEffect, useRef, useState } from "preact/hooks"
import type { JobSnapshot } from "../messages"
import { count } from "../results/format"
import { visible } from "../results/safe-text"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { useAction } from "../ui/use-action"

/** Cancel, resume, retry: what the status of the job allows. */
export function JobActions() {
  const panel = usePanel()
  const job = panel.job.value
  const acting = useAction()
  const group = useKeptFocus(job?.status)
  const [budget, setBudget] = useState("")
  if (job === null) return null
  const unable = acting.busy || !panel.answers.value
  const needsBudget = job.error?.field === "max_cost_usd"
  const { rpc } = panel
  const job_id = job.id
  const resume = () =>
    acting.run(async () => {
      const max_cost_usd = needsBudget && budget.trim() !== "" ? Number(budget) : null
      await rpc.request("resume", { job_id, max_cost_usd })
    })
  const cancel = () =>
    acting.run(async () => void (await rpc.request("cancel", { job_id })))
  const retry = () =>
    acting.run(async () => void (await rpc.request("retry_failed", { job_id })))
  const leave = () =>
    acting.run(
      async () => void (await rpc.request("watch", { job_id: null, restore: false })),
    )
  return (
    <div class="ob-line" ref={group} tabIndex={-1}>
      {job.live && (
        <button
          type="button"
          class="ob-button"
          data-testid="cancel"
          disabled={unable || job.status === "cancelling"}
          onClick={cancel}
        >
          <Icon name="stop" />
          {acting.busy || job.status === "cancelling" ? "Cancelling…" : "Cancel"}
        </button>
      )}
      {!job.live && job.resumable && (
        <>
          {needsBudget && <Budget value={budget} onValue={setBudget} />}
          <button
            type="button"
            class="ob-button"
            data-testid="resume"
            disabled={unable || (needsBudget && !(Number(budget) > 0))}
            title={`${count(job.pending)} rows are left`}
            onClick={resume}
          >
            Resume
          </button>
        </>
      )}
      {!job.live && job.failed > 0 && (
        <button
          type="button"
          class="ob-button"
          data-testid="retry-failed"
          disabled={unable}
          onClick={retry}
        >
          Retry {count(job.failed)} failed
        </button>
      )}
      {!job.live && (
        <button
          type="button"
          class="ob-button ob-quiet"
          data-testid="new-run"
          disabled={unable}
          title="Put this job away; it stays in the history"
          onClick={leave}
        >
          New run
        </button>
      )}
      {acting.error && (
        <span class="ob-small ob-error" role="alert">
          {visible(acting.error.message)} {visible(acting.error.hint)}
        </span>
      )}
    </div>
  )
}

function Budget({ value, onValue }: { value: string; onValue: (text: string) => void }) {
  return (
    <input
      class="ob-budget"
      data-testid="resume-budget"
      aria-label="New budget in USD"
      placeholder="Budget, USD"
      inputMode="decimal"
      value={value}
      onInput={({ currentTarget }) => onValue(currentTarget.value)}
    />
  )
}

/** Buttons come and go with the status: the focus must not go with the one that had it. */
function useKeptFocus(status: JobSnapshot["status"] | undefined) {
  const group = useRef<HTMLDivElement>(null)
  const had = useRef(false)
  useEffect(() => {
    const root = group.current
    if (root === null) return
    const note = () => {
      had.current = root.contains(document.activeElement)
    }
    document.addEventListener("focusin", note)
    return () => document.removeEventListener("focusin", note)
  }, [status === undefined])
  useEffect(() => {
    const lost =
      document.activeElement === null || document.activeElement === document.body
    if (had.current && lost) group.current?.focus()
  }, [status])
  return group
}

import type { JobSnapshot } from "../messages"
import { toRpcError } from "../rpc"
import { usePanel } from "../state"
import { Fault } from "./Fault"
import type { RowWindows } from "./rows"
import { NO_FILTER, resultsViewOf } from "./view-state"

interface GridNoteProps {
  job: JobSnapshot
  windows: RowWindows
  revision: number
}

/** Why the table is empty. */
export function GridNote({ job, windows }: GridNoteProps) {
  const { filter } = resultsViewOf(usePanel())
  if (windows.error !== null)
    return (
      <div class="ob-grid-note">
        <Fault error={toRpcError(windows.error)} onRetry={() => windows.retry()} />
      </div>
    )
  if (windows.total === null) return <p class="ob-grid-note ob-muted">Reading rows…</p>
  if (windows.total > 0) return null
  const isFiltered = filter.value.text !== "" || filter.value.statuses.length > 0
  if (isFiltered)
    return (
      <div class="ob-grid-note ob-line">
        <span class="ob-muted">No row matches.</span>
        <button
          type="button"
          class="ob-button"
          onClick={() => {
            filter.value = NO_FILTER
          }}
        >
          Clear the filter
        </button>
      </div>
    )
  return (
    <p class="ob-grid-note ob-muted">
      {job.live ? "No row is finished yet." : "No row was finished."}
    </p>
  )
}

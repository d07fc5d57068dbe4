import { useCallback, useRef, useState } from "preact/hooks"
import type { JobSnapshot } from "../messages"
import { usePanel } from "../state"
import { ColumnMenu } from "./ColumnMenu"
import { Export } from "./Export"
import { count, counted } from "./format"
import { GridNote } from "./GridNote"
import type { Active } from "./grid-keys"
import { ResultsFilter } from "./ResultsFilter"
import { ResultsGrid } from "./ResultsGrid"
import "./results.css"
import { locate, type Opened } from "./opened-row"
import { RowDetail } from "./RowDetail"
import type { RowWindows } from "./rows"
import { SelectableText } from "./SelectableText"
import { useCopy } from "./use-copy"
import { useRows } from "./use-rows"
import { resultsViewOf } from "./view-state"

/** What the job that the panel shows has brought. */
export function Results() {
  const job = usePanel().job.value
  if (job === null)
    return (
      <p class="ob-empty">
        Answers appear here row by row once a run has begun. Try a few rows first.
      </p>
    )
  return <JobResults key={job.id} job={job} />
}

function JobResults({ job }: { job: JobSnapshot }) {
  const panel = usePanel()
  const view = resultsViewOf(panel)
  const query = { jobId: job.id, sort: view.sort.value, filter: view.filter.value }
  const { windows, prompts, revision } = useRows(panel, query, job.results_version)
  const [active, setActive] = useState<Active>({ row: 0, column: 0 })
  const [opened, setOpened] = useState<Opened | null>(null)
  const root = useRef<HTMLDivElement>(null)
  const copy = useCopy(panel, job.id)

  const open = useCallback(
    (index: number) => {
      const state = windows.get(index)
      setOpened({ index, ordinal: state.status === "ready" ? state.row.ordinal : null })
    },
    [windows],
  )
  const close = useCallback(() => {
    setOpened(null)
    root.current?.querySelector<HTMLElement>('[role="grid"] [tabindex="0"]')?.focus()
  }, [])

  const found = opened && locate(opened, windows)
  const total = windows.total ?? 0
  const goTo = (to: Active) => {
    setActive(to)
    // What is open follows the keyboard, as in a mail program.
    if (found && to.row >= 0 && to.row !== found.index) open(to.row)
  }
  const canStep = (step: number) => {
    const to = (found?.index ?? -1) + step
    return found?.isInTable === true && to >= 0 && to < total
  }

  return (
    <div ref={root} class="ob-results ob-stack">
      <div class="ob-line ob-results-tools">
        <fieldset class="ob-line ob-grow" disabled={panel.kernel.value === "silent"}>
          <ResultsFilter job={job} />
        </fieldset>
        <ColumnMenu />
      </div>
      <div class="ob-grid-frame">
        <ResultsGrid
          jobId={job.id}
          windows={windows}
          prompts={prompts}
          revision={revision}
          active={active}
          setActive={goTo}
          openIndex={found?.isInTable ? found.index : null}
          open={open}
          close={close}
          copyCell={copy.cell}
          copyRow={copy.row}
        />
        <GridNote job={job} windows={windows} revision={revision} />
      </div>
      <div class="ob-line ob-small ob-muted ob-grid-foot">
        <span>{tally(job, windows)}</span>
        <span role="status">{copy.said}</span>
      </div>
      {copy.refused !== null && (
        <SelectableText text={copy.refused} onClose={copy.dismiss} />
      )}
      {found !== null && found.ordinal !== null && (
        <RowDetail
          jobId={job.id}
          ordinal={found.ordinal}
          row={found.row}
          place={found.isInTable ? `${count(found.index + 1)} of ${count(total)}` : ""}
          canStep={canStep}
          onStep={(step) => goTo({ ...active, row: found.index + step })}
          onClose={close}
        />
      )}
      <Export job={job} />
    </div>
  )
}

function tally(job: JobSnapshot, { total, isStale }: RowWindows): string {
  const done = job.succeeded + job.failed
  if (total === null || isStale) return ""
  if (total < done) return `${count(total)} of ${counted(done, "row")}`
  return counted(total, "row")
}

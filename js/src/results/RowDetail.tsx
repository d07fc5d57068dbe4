import type { RowDetail as Detail, ResultRow } from "../messages"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { CopyButton } from "./CopyButton"
import { rowAsJson, rowAsTsv } from "./copied-text"
import { Fault } from "./Fault"
import { RowTexts } from "./RowTexts"
import { oneLine } from "./safe-text"
import { useRow } from "./use-row"

interface RowDetailProps {
  jobId: string
  ordinal: number
  /** The row as the table has it, where it has it. */
  row: ResultRow | null
  /** Where it stands in the table, in words. */
  place: string
  onStep: (step: -1 | 1) => void
  canStep: (step: -1 | 1) => boolean
  onClose: () => void
}

/** One row to read. */
export function RowDetail({ jobId, ordinal, row, place, ...props }: RowDetailProps) {
  const stamp = row ? `${row.status} ${row.attempts}` : ""
  const answer = useRow(usePanel(), jobId, ordinal, stamp)
  const shown = answer.status === "ready" ? answer.row : null
  const last = answer.status === "loading" ? answer.last : shown
  const title = last?.ordinal === ordinal ? last.x_uid : (row?.x_uid ?? "")

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return
    event.stopPropagation()
    props.onClose()
  }
  return (
    <section
      class="ob-detail ob-stack"
      data-testid="row-detail"
      aria-label={`Row ${oneLine(title)}`}
      aria-busy={answer.status === "loading"}
      onKeyDown={onKeyDown}
    >
      <div class="ob-line">
        <strong class="ob-mono ob-ellipsis">
          <bdi>{oneLine(title)}</bdi>
        </strong>
        <span class="ob-muted ob-small">{place}</span>
        <div class="ob-detail-tools">
          {shown && <CopyRow row={shown} />}
          {([-1, 1] as const).map((step) => (
            <button
              key={step}
              type="button"
              class="ob-button ob-quiet"
              aria-label={step < 0 ? "Previous row" : "Next row"}
              title={step < 0 ? "Previous row" : "Next row"}
              disabled={!props.canStep(step)}
              onClick={() => props.onStep(step)}
            >
              <Icon name={step < 0 ? "left" : "right"} />
            </button>
          ))}
          <button
            type="button"
            class="ob-button ob-quiet"
            aria-label="Close the row"
            title="Close (Escape)"
            onClick={props.onClose}
          >
            <Icon name="close" />
          </button>
        </div>
      </div>
      {answer.status === "failed" && (
        <Fault error={answer.error} onRetry={answer.retry} />
      )}
      {last && <RowTexts row={last} isStale={shown === null} />}
      {answer.status === "loading" && last === null && <p class="ob-muted">Reading…</p>}
    </section>
  )
}

function CopyRow({ row }: { row: Detail }) {
  return (
    <>
      <CopyButton label="Copy the row as JSON" words="JSON" text={() => rowAsJson(row)} />
      <CopyButton
        label="Copy the row for a spreadsheet"
        words="TSV"
        text={() => rowAsTsv(row)}
      />
    </>
  )
}

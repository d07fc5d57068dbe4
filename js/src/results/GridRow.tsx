import { memo } from "preact/compat"
import type { ResultRow } from "../messages"
import { Icon } from "../ui/Icon"
import type { Layout, PlacedColumn } from "./columns"
import { count, duration, NONE } from "./format"
import type { PromptState } from "./prompts"
import type { RowState } from "./rows"
import { oneLine } from "./safe-text"
import { ROW_LOOKS, statusOf } from "./status-words"

interface GridRowProps {
  index: number
  state: RowState
  /** undefined as long as the row itself is not there. */
  prompt: PromptState | undefined
  columns: readonly PlacedColumn[]
  /** With the width, what the columns follow from: compared instead of them. */
  layout: Layout
  widthPx: number
  topPx: number
  /** Place of the cell that the keyboard is at; null if it is in another row. */
  activeColumn: number | null
  isOpen: boolean
  onPick: (row: number, column: number, isOpening: boolean) => void
}

export const GridRow = memo(Row, (before, after) => {
  for (const name of COMPARED) if (before[name] !== after[name]) return false
  return sameRow(before.state, after.state)
})

const COMPARED = [
  "index",
  "prompt",
  "layout",
  "widthPx",
  "topPx",
  "activeColumn",
  "isOpen",
] as const satisfies readonly (keyof GridRowProps)[]

function sameRow(before: RowState, after: RowState): boolean {
  if (before.status !== after.status) return false
  return before.status !== "ready" || after.status !== "ready" || before.row === after.row
}

function Row(props: GridRowProps) {
  const { index, state, prompt, columns, topPx, activeColumn, isOpen, onPick } = props
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual.
    // biome-ignore lint/a11y/useFocusableInteractive: its cells take the focus.
    <div
      class="ob-grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isOpen}
      style={{ transform: `translateY(${topPx}px)` }}
    >
      {columns.map((column, place) => (
        // biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual.
        // biome-ignore lint/a11y/useKeyWithClickEvents: the grid hears the keys.
        <div
          key={column.id}
          class={`ob-cell ${column.isNumber ? "ob-cell-number" : ""}`}
          role="gridcell"
          aria-colindex={place + 1}
          tabIndex={place === activeColumn ? 0 : -1}
          style={{ left: `${column.left}px`, width: `${column.width}px` }}
          onClick={() =>
            onPick(index, place, document.getSelection()?.isCollapsed ?? true)
          }
        >
          {state.status === "ready" ? (
            <Cell column={column} row={state.row} prompt={prompt} />
          ) : (
            place === 0 && <span class="ob-muted">{count(index + 1)}</span>
          )}
        </div>
      ))}
    </div>
  )
}

interface CellProps {
  column: PlacedColumn
  row: ResultRow
  prompt: PromptState | undefined
}

function Cell({ column, row, prompt }: CellProps) {
  const { id } = column
  switch (id) {
    case "status": {
      const status = statusOf(row)
      return (
        <span class={`ob-cell-status ob-tone-${ROW_LOOKS[status].tone}`}>
          <Icon name={ROW_LOOKS[status].icon} />
          <span class={column.isBrief ? "ob-visually-hidden" : ""}>{status}</span>
        </span>
      )
    }
    case "response":
      // The reason is what one looks for where the answer should be.
      if (row.status === "failed")
        return (
          <bdi class="ob-error">{oneLine(row.error_message ?? row.error_code ?? "")}</bdi>
        )
      return <bdi>{oneLine(row.response ?? "")}</bdi>
    case "prompt":
    case "reference":
      if (prompt?.status !== "ready")
        return <span class="ob-muted">{prompt?.status === "failed" ? NONE : "…"}</span>
      return <bdi>{oneLine(prompt[id] ?? "")}</bdi>
    case "error":
      return row.error_code === null ? null : (
        <bdi>{oneLine(`${row.error_code}: ${row.error_message ?? ""}`)}</bdi>
      )
    case "latency_s":
      return <>{duration(row.latency_s)}</>
    case "input_tokens":
    case "output_tokens":
    case "attempts":
    case "datasource_uid": {
      const value = row[id]
      return <>{value === null ? NONE : count(value)}</>
    }
    case "x_uid":
    case "finish_reason":
      return <bdi>{oneLine(row[id] ?? "")}</bdi>
  }
}

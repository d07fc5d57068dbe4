import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks"
import type { ResultRow } from "../messages"
import { usePanel } from "../state"
import { type ColumnId, placed, resized } from "./columns"
import { heightPx, indices, ordinalsIn } from "./drawn-rows"
import { GridHeader } from "./GridHeader"
import { GridRow } from "./GridRow"
import { type Active, actionFor, type KeyAction, within } from "./grid-keys"
import type { PromptCells } from "./prompts"
import { RowSlots } from "./row-slots"
import type { RowWindows } from "./rows"
import { useScroller } from "./use-scroller"
import { nextSort, resultsViewOf } from "./view-state"
import { canvasPx, drawn, onScreen, pageRows, ROW_PX, rowPx } from "./viewport"

interface ResultsGridProps {
  jobId: string
  windows: RowWindows
  prompts: PromptCells
  revision: number
  active: Active
  setActive: (at: Active) => void
  /** The row whose detail is shown. */
  openIndex: number | null
  open: (index: number) => void
  close: () => void
  copyCell: (row: ResultRow, column: ColumnId) => void
  copyRow: (row: ResultRow) => void
}

/** The result rows as a table that draws only what is on screen. */
export function ResultsGrid(props: ResultsGridProps) {
  const { jobId, windows, prompts, setActive, openIndex, open } = props
  const panel = usePanel()
  const view = resultsViewOf(panel)
  const grid = useRef<HTMLDivElement>(null)
  const total = windows.total ?? 0
  const scroller = useScroller(grid, total, ROW_PX)
  const layout = view.layout.value
  // The same ones while one scrolls, so that the header has nothing to draw.
  const columns = useMemo(
    () => placed(layout, scroller.widthPx),
    [layout, scroller.widthPx],
  )
  const widthPx = columns.reduce((sum, { width }) => sum + width, 0)
  const active = within(props.active, { rows: total, columns: columns.length })
  const [takesFocus, setTakesFocus] = useState(0)

  const rows = indices(drawn(scroller.at, scroller.extent), active.row, total)
  const slots = useMemo(() => new RowSlots(), []).of(rows)
  const seen = onScreen(scroller.at, scroller.extent)
  const needsPrompts = columns.some(({ id }) => id === "prompt" || id === "reference")
  useLayoutEffect(() => {
    windows.show(seen)
    prompts.show(jobId, needsPrompts ? ordinalsIn(seen, windows) : [])
  })

  const { reveal } = scroller
  const moveTo = useCallback(
    (to: Active) => {
      setActive(to)
      if (to.row >= 0) reveal(to.row)
      setTakesFocus((times) => times + 1)
    },
    [setActive, reveal],
  )
  useLayoutEffect(() => {
    if (takesFocus === 0) return
    const cell = focusActive(grid.current)
    if (cell && grid.current) revealAcross(cell, grid.current)
  }, [takesFocus])
  // An element that is put elsewhere among its like loses the focus.
  const hadFocus = hasFocus(grid.current)
  useLayoutEffect(() => {
    if (hadFocus && !hasFocus(grid.current)) focusActive(grid.current)
  })

  const onKeyDown = (event: KeyboardEvent) => {
    const page = pageRows(scroller.extent)
    const action = actionFor(event, active, {
      rows: total,
      columns: columns.length,
      page,
    })
    if (action === null || isCopyOfSelection(action)) return
    event.preventDefault()
    event.stopPropagation()
    act(action)
  }
  const act = (action: KeyAction) => {
    const column = columns[active.column]
    if (column === undefined) return
    const state = active.row < 0 ? null : windows.get(active.row)
    const row = state?.status === "ready" ? state.row : null
    switch (action.kind) {
      case "move":
        return moveTo(action.to)
      case "open":
        return open(active.row)
      case "close":
        return props.close()
      case "copy-cell":
        return row ? props.copyCell(row, column.id) : undefined
      case "copy-row":
        return row ? props.copyRow(row) : undefined
      case "resize":
        view.layout.value = resized(layout, column.id, column.width + action.by)
        return
      case "sort":
        if (column.sort) view.sort.value = nextSort(view.sort.value, column.sort)
    }
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual.
    <div
      ref={grid}
      class={`ob-grid ${windows.isStale ? "ob-grid-stale" : ""}`}
      data-testid="results-table"
      role="grid"
      aria-label="Results"
      aria-rowcount={windows.total === null ? -1 : total + 1}
      aria-colcount={columns.length}
      aria-busy={windows.total === null || windows.isStale}
      style={{ height: `${heightPx(total)}px` }}
      onScroll={scroller.onScroll}
      onKeyDown={onKeyDown}
    >
      <GridHeader
        columns={columns}
        activeColumn={active.row < 0 ? active.column : null}
        view={view}
        moveTo={moveTo}
      />
      {/* biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual. */}
      <div
        class="ob-grid-canvas"
        role="rowgroup"
        style={{ height: `${canvasPx(scroller.extent)}px`, width: `${widthPx}px` }}
      >
        {rows.map((index) => {
          const state = windows.get(index)
          return (
            <GridRow
              key={slots.get(index)}
              index={index}
              state={state}
              prompt={
                state.status === "ready" ? prompts.get(state.row.ordinal) : undefined
              }
              layout={layout}
              widthPx={scroller.widthPx}
              columns={columns}
              topPx={rowPx(index, scroller.at)}
              activeColumn={index === active.row ? active.column : null}
              isOpen={index === openIndex}
              onPick={(row, column, isOpening) => {
                moveTo({ row, column })
                if (isOpening) open(row)
              }}
            />
          )
        })}
      </div>
    </div>
  )
}

function hasFocus(grid: HTMLElement | null): boolean {
  const root = grid?.getRootNode() as Document | ShadowRoot | undefined
  return grid?.contains(root?.activeElement ?? null) ?? false
}

function focusActive(grid: HTMLElement | null): HTMLElement | null {
  const cell = grid?.querySelector<HTMLElement>('[tabindex="0"]') ?? null
  cell?.focus({ preventScroll: true })
  return cell
}

/** Scroll sideways as far as shows the cell. */
function revealAcross(cell: HTMLElement, grid: HTMLElement): void {
  const { offsetLeft: left, offsetWidth: width } = cell
  if (left < grid.scrollLeft) grid.scrollLeft = left
  else if (left + width > grid.scrollLeft + grid.clientWidth)
    grid.scrollLeft = Math.min(left, left + width - grid.clientWidth)
}

/** What is selected by hand is what the user wants to copy. */
function isCopyOfSelection({ kind }: KeyAction): boolean {
  return kind === "copy-cell" && document.getSelection()?.isCollapsed === false
}

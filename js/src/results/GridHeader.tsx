import { useRef } from "preact/hooks"
import { Icon } from "../ui/Icon"
import { movedTo, type PlacedColumn, resized } from "./columns"
import type { Active } from "./grid-keys"
import { nextSort, type ResultsView } from "./view-state"

/** Less than this is a click with an unsteady hand. */
const DRAG_PX = 6

interface GridHeaderProps {
  columns: readonly PlacedColumn[]
  /** Place of the cell that the keyboard is at; null if it is in a row. */
  activeColumn: number | null
  view: ResultsView
  moveTo: (to: Active) => void
}

/** Names of the columns: a click sorts, dragging moves, the right edge resizes. */
export function GridHeader({ columns, activeColumn, view, moveTo }: GridHeaderProps) {
  const drag = useRef<{ from: number; isMoving: boolean } | null>(null)
  const sort = view.sort.value
  const width = columns.reduce((sum, column) => sum + column.width, 0)

  const startMove = (event: PointerEvent) => {
    if (event.button !== 0) return
    drag.current = { from: event.clientX, isMoving: false }
  }
  const move = (event: PointerEvent, column: PlacedColumn) => {
    const at = drag.current
    if (at === null) return
    if (event.buttons === 0) {
      // It was let go where nobody heard of it.
      drag.current = null
      return
    }
    if (!at.isMoving && Math.abs(event.clientX - at.from) < DRAG_PX) return
    const cell = event.currentTarget as HTMLElement
    if (!at.isMoving) cell.setPointerCapture(event.pointerId)
    at.isMoving = true
    const header = cell.parentElement
    if (header === null) return
    const x = event.clientX - header.getBoundingClientRect().left
    const target = columns.find(({ left, width }) => x >= left && x < left + width)
    if (target === undefined || target.id === column.id) return
    // Only past its middle, so that two columns of unequal width do not swap back and forth.
    const isPast =
      target.left > column.left
        ? x > target.left + target.width / 2
        : x < target.left + target.width / 2
    if (isPast) view.layout.value = movedTo(view.layout.value, column.id, target.id)
  }
  const click = (column: PlacedColumn, place: number) => {
    const wasMoving = drag.current?.isMoving
    drag.current = null
    if (wasMoving) return
    moveTo({ row: -1, column: place })
    if (column.sort) view.sort.value = nextSort(sort, column.sort)
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual.
    <div class="ob-grid-head" role="rowgroup" style={{ width: `${width}px` }}>
      {/* biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: its cells take the focus. */}
      <div role="row" aria-rowindex={1}>
        {columns.map((column, place) => (
          // biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual.
          // biome-ignore lint/a11y/useKeyWithClickEvents: the grid hears the keys.
          <div
            key={column.id}
            class={`ob-cell ob-cell-head ${column.isNumber ? "ob-cell-number" : ""}`}
            role="columnheader"
            aria-colindex={place + 1}
            aria-sort={ariaSort(column, sort)}
            tabIndex={place === activeColumn ? 0 : -1}
            title={`${column.title}\n${column.sort ? "Click or Enter: sort. " : ""}Drag: move. Shift+arrows: resize.`}
            style={{ left: `${column.left}px`, width: `${column.width}px` }}
            onPointerDown={startMove}
            onPointerMove={(event) => move(event, column)}
            onPointerCancel={() => {
              drag.current = null
            }}
            onClick={() => click(column, place)}
          >
            <span class={column.isBrief ? "ob-visually-hidden" : "ob-ellipsis"}>
              {column.title}
            </span>
            {sort !== null && sort.column === column.sort && (
              <span class={sort.descending ? "ob-descending" : ""}>
                <Icon name="up" />
              </span>
            )}
            <ResizeEdge column={column} view={view} />
          </div>
        ))}
      </div>
    </div>
  )
}

function ariaSort(column: PlacedColumn, sort: ResultsView["sort"]["value"]) {
  if (column.sort === null) return undefined
  if (sort?.column !== column.sort) return "none"
  return sort.descending ? "descending" : "ascending"
}

function ResizeEdge({ column, view }: { column: PlacedColumn; view: ResultsView }) {
  const start = useRef<{ x: number; width: number } | null>(null)
  return (
    // Keys do the same in the header cell itself.
    <div
      class="ob-resize"
      aria-hidden="true"
      onClick={(event) => event.stopPropagation()}
      onDblClick={() => {
        const { [column.id]: _, ...widths } = view.layout.value.widths
        view.layout.value = { ...view.layout.value, widths }
      }}
      onPointerDown={(event) => {
        event.stopPropagation()
        event.currentTarget.setPointerCapture(event.pointerId)
        start.current = { x: event.clientX, width: column.width }
      }}
      onPointerMove={(event) => {
        if (start.current === null) return
        event.stopPropagation()
        const width = start.current.width + event.clientX - start.current.x
        view.layout.value = resized(view.layout.value, column.id, width)
      }}
      onLostPointerCapture={() => {
        start.current = null
      }}
    />
  )
}

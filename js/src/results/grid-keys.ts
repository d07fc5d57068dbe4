/** What a key means in the results table, after the grid pattern of the ARIA Authoring Practices. */

export interface Active {
  /** -1 is the header. */
  row: number
  column: number
}

export type KeyAction =
  | { kind: "move"; to: Active }
  | { kind: "sort" }
  | { kind: "resize"; by: number }
  | { kind: "open" }
  | { kind: "close" }
  | { kind: "copy-cell" }
  | { kind: "copy-row" }

export interface KeyPress {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  altKey: boolean
}

export interface GridSize {
  rows: number
  columns: number
  /** Rows that Page Up and Page Down move by. */
  page: number
}

const RESIZE_STEP_PX = 16

/** Return what to do; null for a key that is none of the table's. */
export function actionFor(press: KeyPress, at: Active, size: GridSize): KeyAction | null {
  const command = press.ctrlKey || press.metaKey
  if (press.altKey) return null
  if (command && press.key.toLowerCase() === "c")
    return { kind: press.shiftKey ? "copy-row" : "copy-cell" }
  const isHeader = at.row < 0
  if (isHeader && press.shiftKey && !command) {
    if (press.key === "ArrowLeft") return { kind: "resize", by: -RESIZE_STEP_PX }
    if (press.key === "ArrowRight") return { kind: "resize", by: RESIZE_STEP_PX }
  }
  if (press.key === "Enter" || press.key === " ")
    return command ? null : { kind: isHeader ? "sort" : "open" }
  if (press.key === "Escape") return { kind: "close" }
  const to = target(press.key, command, at, size)
  return to && { kind: "move", to: within(to, size) }
}

function target(
  key: string,
  command: boolean,
  at: Active,
  size: GridSize,
): Active | null {
  const { row, column } = at
  switch (key) {
    case "ArrowUp":
      return { row: command ? 0 : row - 1, column }
    case "ArrowDown":
      return { row: command ? size.rows - 1 : row + 1, column }
    case "ArrowLeft":
      return { row, column: command ? 0 : column - 1 }
    case "ArrowRight":
      return { row, column: command ? size.columns - 1 : column + 1 }
    case "PageUp":
      return { row: row < 0 ? row : Math.max(0, row - size.page), column }
    case "PageDown":
      return { row: row + size.page, column }
    case "Home":
      return { row: command ? 0 : row, column: 0 }
    case "End":
      return { row: command ? size.rows - 1 : row, column: size.columns - 1 }
    default:
      return null
  }
}

export function within(at: Active, size: Pick<GridSize, "rows" | "columns">): Active {
  return {
    row: Math.min(Math.max(-1, at.row), size.rows - 1),
    column: Math.min(Math.max(0, at.column), size.columns - 1),
  }
}

/** Which rows of the table are drawn, in how much room. */

import type { RowWindows } from "./rows"
import { ROW_PX, type Span } from "./viewport"

const FEWEST_ROWS = 3
const MOST_ROWS = 14
const SCROLL_BAR_PX = 16

/** A few answers take little room; many get a screen of their own. */
export function heightPx(total: number): number {
  const rows = Math.min(Math.max(total, FEWEST_ROWS), MOST_ROWS)
  return (rows + 1) * ROW_PX + SCROLL_BAR_PX
}

/** Rows to draw; the active one always is, since it may hold the focus. */
export function indices({ first, stop }: Span, active: number, total: number): number[] {
  const found = Array.from({ length: stop - first }, (_, i) => first + i)
  if (active >= 0 && active < total) {
    if (active < first) found.unshift(active)
    if (active >= stop) found.push(active)
  }
  return found
}

export function ordinalsIn({ first, stop }: Span, windows: RowWindows): number[] {
  const found: number[] = []
  for (let index = first; index < stop; index++) {
    const state = windows.get(index)
    if (state.status === "ready") found.push(state.row.ordinal)
  }
  return found
}

/** The row that is open for reading, found again wherever it has moved to. */

import type { ResultRow } from "../messages"
import type { RowWindows } from "./rows"

export interface Opened {
  index: number
  /** null until the row at that place has come. */
  ordinal: number | null
}

export interface Found extends Opened {
  row: ResultRow | null
  /** False where a filter hides it, or it is too far to know. */
  isInTable: boolean
}

/** Find the row that is open: rows that finish later may come before it. */
export function locate(opened: Opened, windows: RowWindows): Found {
  const { index, ordinal } = opened
  const state = windows.get(index)
  const here = state.status === "ready" ? state.row : null
  if (ordinal === null || here === null || here.ordinal === ordinal)
    return {
      index,
      ordinal: ordinal ?? here?.ordinal ?? null,
      row: here,
      isInTable: true,
    }
  const moved = windows.indexOf(ordinal)
  if (moved === null) return { index, ordinal, row: null, isInTable: false }
  const there = windows.get(moved)
  return {
    index: moved,
    ordinal,
    row: there.status === "ready" ? there.row : null,
    isInTable: true,
  }
}

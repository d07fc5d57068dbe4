/** Which columns the results show, in which order and how wide. */

import type { SortColumn } from "../messages"

export type ColumnId =
  | "x_uid"
  | "status"
  | "prompt"
  | "response"
  | "reference"
  | "finish_reason"
  | "input_tokens"
  | "output_tokens"
  | "latency_s"
  | "attempts"
  | "error"
  | "datasource_uid"

export interface Column {
  id: ColumnId
  title: string
  /** What the kernel sorts by; null if it cannot. */
  sort: SortColumn | null
  width: number
  isNumber: boolean
}

export const LEAST_WIDTH = 32
export const MOST_WIDTH = 1_200

const BRIEF_PX = 76

/** Below this width only the columns that say most are shown. */
const NARROW_PX = 420
const NARROW: Readonly<Partial<Record<ColumnId, number>>> = {
  x_uid: 72,
  status: 32,
  response: 80,
}

export const COLUMNS: readonly Column[] = [
  { id: "x_uid", title: "x_uid", sort: "x_uid", width: 104, isNumber: false },
  { id: "status", title: "Status", sort: "status", width: 106, isNumber: false },
  { id: "prompt", title: "Prompt", sort: null, width: 180, isNumber: false },
  { id: "response", title: "Response", sort: "response", width: 270, isNumber: false },
  { id: "reference", title: "Reference", sort: null, width: 180, isNumber: false },
  {
    id: "finish_reason",
    title: "Finish",
    sort: "finish_reason",
    width: 84,
    isNumber: false,
  },
  {
    id: "input_tokens",
    title: "Tokens in",
    sort: "input_tokens",
    width: 84,
    isNumber: true,
  },
  {
    id: "output_tokens",
    title: "Tokens out",
    sort: "output_tokens",
    width: 90,
    isNumber: true,
  },
  { id: "latency_s", title: "Latency", sort: "latency_s", width: 84, isNumber: true },
  { id: "attempts", title: "Attempts", sort: "attempts", width: 80, isNumber: true },
  { id: "error", title: "Error", sort: "error_code", width: 240, isNumber: false },
  { id: "datasource_uid", title: "Datasource", sort: null, width: 92, isNumber: true },
]

export interface Layout {
  order: readonly ColumnId[]
  hidden: readonly ColumnId[]
  /** Widths that the user chose. */
  widths: Readonly<Partial<Record<ColumnId, number>>>
}

export const DEFAULT_LAYOUT: Layout = {
  order: COLUMNS.map(({ id }) => id),
  hidden: ["datasource_uid"],
  widths: {},
}

/** An x_uid alone does not tell two datasources' rows from each other. */
const OF_SEVERAL: Layout = {
  ...DEFAULT_LAYOUT,
  order: [
    "datasource_uid",
    ...DEFAULT_LAYOUT.order.filter((id) => id !== "datasource_uid"),
  ],
  hidden: [],
}

/** Return the columns of a job over so many datasources, as long as nobody has changed them. */
export function usualLayout(nDatasources: number): Layout {
  return nDatasources > 1 ? OF_SEVERAL : DEFAULT_LAYOUT
}

/** Return true if nobody has changed it. */
export function isUsual(layout: Layout): boolean {
  return layout === DEFAULT_LAYOUT || layout === OF_SEVERAL
}

export interface PlacedColumn extends Column {
  left: number
  /** True where an icon has to do for a word. */
  isBrief: boolean
}

export function columnOf(id: ColumnId): Column {
  const found = COLUMNS.find((column) => column.id === id)
  if (found === undefined) throw new Error(`no column ${id}`)
  return found
}

/** Columns to show in a grid of this width, left to right; the answer takes what is left over. */
export function placed(layout: Layout, widthPx: number): PlacedColumn[] {
  const shown = layout.order.filter((id) => !layout.hidden.includes(id))
  const few = shown.filter((id) => id in NARROW)
  const isNarrow = widthPx > 0 && widthPx < NARROW_PX && few.length > 0
  const ids = isNarrow ? few : shown
  const columns = ids.map((id) => {
    const column = columnOf(id)
    const usual = (isNarrow && NARROW[id]) || column.width
    const width = layout.widths[id] ?? usual
    return { ...column, width, isBrief: id === "status" && width < BRIEF_PX }
  })

  const spare = widthPx - columns.reduce((sum, { width }) => sum + width, 0)
  let left = 0
  return columns.map((column) => {
    const takesRest = column.id === "response" && layout.widths.response === undefined
    const width = takesRest ? column.width + Math.max(0, spare) : column.width
    const at = { ...column, width, left }
    left += width
    return at
  })
}

export function resized(layout: Layout, id: ColumnId, width: number): Layout {
  const bounded = Math.round(Math.min(Math.max(LEAST_WIDTH, width), MOST_WIDTH))
  return { ...layout, widths: { ...layout.widths, [id]: bounded } }
}

/** Hide a column, or show it again. The last one stays. */
export function toggled(layout: Layout, id: ColumnId): Layout {
  if (layout.hidden.includes(id))
    return { ...layout, hidden: layout.hidden.filter((other) => other !== id) }
  if (layout.hidden.length >= layout.order.length - 1) return layout
  return { ...layout, hidden: [...layout.hidden, id] }
}

/** Put a column before or after another one, on the side it comes from. */
export function movedTo(layout: Layout, id: ColumnId, target: ColumnId): Layout {
  const from = layout.order.indexOf(id)
  const to = layout.order.indexOf(target)
  if (from < 0 || to < 0 || from === to) return layout
  const order = layout.order.filter((other) => other !== id)
  order.splice(to, 0, id)
  return { ...layout, order }
}

/** Move a column by one place. */
export function movedBy(layout: Layout, id: ColumnId, step: -1 | 1): Layout {
  const target = layout.order[layout.order.indexOf(id) + step]
  return target === undefined ? layout : movedTo(layout, id, target)
}

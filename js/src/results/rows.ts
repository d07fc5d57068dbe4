/** Result rows in the browser: what is on screen is asked for, and little more is kept. */

import { type Table, tableFromIPC } from "@uwdata/flechette"
import type { PromptRow, Requests, ResultRow, RowFilter, Sort } from "../messages"
import type { Reply } from "../rpc"
import type { Span } from "./viewport"

export const PAGE_ROWS = 100
const MOST_PAGES = 30
const MOST_IN_FLIGHT = 2

/** A list that is thrown past asks for nothing until it has been slower than this. */
const REST_MS = 60

/** Least time between two looks at the same rows of a live job. */
const REFRESH_MS = 200

export interface RowQuery {
  jobId: string
  sort: Sort | null
  filter: RowFilter
}

/** The part of the connection to the kernel that rows need. */
export type Ask = <Type extends "rows" | "prompts">(
  type: Type,
  payload: Requests[Type][0],
  options: { signal: AbortSignal },
) => Promise<Reply<Requests[Type][1]>>

export type RowState =
  | { status: "pending" }
  | { status: "ready"; row: ResultRow }
  | { status: "failed" }

interface Page {
  /** Results version that it is known to show. */
  version: number
  length: number
  at(place: number): ResultRow
  ordinalAt(place: number): number
}

const PENDING: RowState = { status: "pending" }
const FAILED: RowState = { status: "failed" }

/**
 * The rows of one query, by their place.
 *
 * `get` answers at once; `show` says what is on screen, which is then fetched. After each
 * change `changed` is called. Rows of the query before stay until the first new ones are there.
 */
export class RowWindows {
  /** Rows that match; null until that is known. */
  total: number | null = null

  readonly #ask: Ask
  readonly #changed: () => void
  #query: RowQuery | null = null
  #version = 0
  #pages = new Map<number, Page>()
  #failed = new Map<number, unknown>()
  #before: Map<number, Page> | null = null
  #fetching = new Map<number, AbortController>()
  #span: Span = { first: 0, stop: 0 }
  #shownAt = Number.NEGATIVE_INFINITY
  #filledAt = Number.NEGATIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ask: Ask, changed: () => void) {
    this.#ask = ask
    this.#changed = changed
  }

  /** True while the rows that `get` returns are those of the query before. */
  get isStale(): boolean {
    return this.#before !== null
  }

  /** Why rows that are on screen are missing; null if none is. */
  get error(): unknown {
    for (const [number, cause] of this.#failed)
      if (number >= pageOf(this.#span.first) && number <= pageOf(this.#span.stop))
        return cause
    return null
  }

  /** Say which rows are wanted. */
  query(query: RowQuery, version: number): void {
    const isSame = this.#query !== null && keyOf(this.#query) === keyOf(query)
    if (isSame && version === this.#version) return
    this.#failed.clear()
    if (isSame) {
      this.#version = version
      this.#fillIn(this.#filledAt + REFRESH_MS - Date.now())
      return
    }
    this.#abort(() => true)
    const isSameJob = this.#query?.jobId === query.jobId
    if (!isSameJob) this.#before = null
    else if (this.#pages.size > 0) this.#before = this.#pages
    if (!isSameJob) this.total = null
    this.#pages = new Map()
    this.#query = query
    this.#version = version
    this.#span = { first: 0, stop: PAGE_ROWS }
    this.#fillIn(0)
  }

  /** Say which rows are on screen. */
  show(span: Span): void {
    if (span.first === this.#span.first && span.stop === this.#span.stop) return
    const now = Date.now()
    const isResting = now - this.#shownAt >= REST_MS
    this.#span = span
    this.#shownAt = now
    this.#abort((page) => !isNear(page, span))
    this.#fillIn(isResting ? 0 : REST_MS)
  }

  get(index: number): RowState {
    const number = Math.floor(index / PAGE_ROWS)
    const page = (this.#before ?? this.#pages).get(number)
    const place = index % PAGE_ROWS
    if (page !== undefined && place < page.length)
      return { status: "ready", row: page.at(place) }
    return this.#failed.has(number) ? FAILED : PENDING
  }

  /** Find a row among those that are kept; null if it is not among them. */
  indexOf(ordinal: number): number | null {
    for (const [number, page] of this.#before ?? this.#pages)
      for (let place = 0; place < page.length; place++)
        if (page.ordinalAt(place) === ordinal) return number * PAGE_ROWS + place
    return null
  }

  retry(): void {
    this.#failed.clear()
    this.#fillIn(0)
    this.#changed()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#abort(() => true)
    this.#query = null
  }

  #fillIn(ms: number): void {
    clearTimeout(this.#timer)
    if (ms <= 0) this.#fill()
    else this.#timer = setTimeout(() => this.#fill(), ms)
  }

  #fill(): void {
    if (this.#query === null) return
    this.#filledAt = Date.now()
    for (const number of this.#wanted()) {
      if (this.#fetching.size >= MOST_IN_FLIGHT) return
      if (!this.#fetching.has(number)) void this.#fetch(number, this.#query)
    }
  }

  /** Pages on screen that are missing or old, then neighbours that are missing. */
  #wanted(): number[] {
    const first = pageOf(this.#span.first)
    const last = pageOf(Math.max(this.#span.first, this.#span.stop - 1))
    const wanted: number[] = []
    for (let number = first; number <= last; number++) {
      const page = this.#pages.get(number)
      if (page === undefined || page.version < this.#version) wanted.push(number)
    }
    for (const number of [last + 1, first - 1])
      if (!this.#pages.has(number) && this.#exists(number)) wanted.push(number)
    return wanted.filter((number) => !this.#failed.has(number))
  }

  #exists(number: number): boolean {
    return number >= 0 && number * PAGE_ROWS < (this.total ?? 0)
  }

  async #fetch(number: number, query: RowQuery): Promise<void> {
    const controller = new AbortController()
    const asked = this.#version
    this.#fetching.set(number, controller)
    try {
      const { payload, buffer } = await this.#ask("rows", pageRequest(query, number), {
        signal: controller.signal,
      })
      if (controller.signal.aborted) return
      // A sorted table of a live job may be a moment old: it is asked for again then.
      const page = pageFrom(buffer, payload.version)
      this.#keep(number, page)
      this.total = payload.total
    } catch (cause) {
      if (controller.signal.aborted) return
      // Rows that are there stay readable: a newer look at them can wait.
      const page = this.#pages.get(number)
      if (page === undefined) this.#fail(number, cause)
      else page.version = Math.max(asked, page.version)
    }
    this.#fetching.delete(number)
    this.#changed()
    const wanted = this.#wanted()
    if (wanted.length === 0) return
    const isUrgent = wanted.some((other) => !this.#pages.has(other))
    this.#fillIn(isUrgent ? 0 : this.#filledAt + REFRESH_MS - Date.now())
  }

  #fail(number: number, cause: unknown): void {
    this.#failed.set(number, cause)
    if (this.#before === null) return
    // Nothing is known of this query, and the rows of the one before do not answer it.
    this.#before = null
    this.total = null
  }

  #keep(number: number, page: Page): void {
    this.#before = null
    this.#pages.delete(number)
    this.#pages.set(number, page)
    for (const old of this.#pages.keys()) {
      if (this.#pages.size <= MOST_PAGES) return
      if (!isNear(old, this.#span)) this.#pages.delete(old)
    }
  }

  #abort(isUnwanted: (number: number) => boolean): void {
    for (const [number, controller] of this.#fetching) {
      if (!isUnwanted(number)) continue
      this.#fetching.delete(number)
      controller.abort()
    }
  }
}

/** Return what to ask for one page of a query's rows. */
export function pageRequest(query: RowQuery, number: number): Requests["rows"][0] {
  const start = number * PAGE_ROWS
  return {
    job_id: query.jobId,
    start,
    stop: start + PAGE_ROWS,
    sort: query.sort,
    filter: query.filter,
  }
}

function pageOf(index: number): number {
  return Math.floor(index / PAGE_ROWS)
}

function isNear(page: number, span: Span): boolean {
  return page >= pageOf(span.first) - 1 && page <= pageOf(span.stop) + 1
}

function keyOf(query: RowQuery): string {
  return JSON.stringify([query.jobId, query.sort, query.filter])
}

/** Read rows from an Arrow stream when they are shown, each once. */
function pageFrom(buffer: DataView | null, version: number): Page {
  const table = tableOf(buffer)
  const ordinals = table?.getChild("ordinal")
  const rows = new Map<number, ResultRow>()
  return {
    version,
    length: table?.numRows ?? 0,
    ordinalAt: (place) => ordinals?.at(place) as number,
    at(place) {
      let row = rows.get(place)
      if (row === undefined) {
        row = table?.get(place) as ResultRow
        rows.set(place, row)
      }
      return row
    },
  }
}

export function tableOf(buffer: DataView | null): Table | null {
  if (buffer === null) return null
  const bytes = new Uint8Array(
    buffer.buffer as ArrayBuffer,
    buffer.byteOffset,
    buffer.byteLength,
  )
  // Numbers are read in place, which needs them at multiples of their size; a buffer begins
  // wherever the host's message has it.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
  return tableFromIPC(aligned, { useBigInt: false })
}

export function promptsOf(buffer: DataView | null): PromptRow[] {
  return (tableOf(buffer)?.toArray() ?? []) as PromptRow[]
}

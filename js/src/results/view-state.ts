/** What all views of one panel agree on about its results. */

import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import type { RowFilter, Sort } from "../messages"
import type { PanelState } from "../state"
import { isUsual, type Layout, usualLayout } from "./columns"
import { type Throughput, withSnapshot } from "./throughput"

export const NO_FILTER: RowFilter = { statuses: [], text: "" }

export interface ResultsView {
  layout: Signal<Layout>
  /** null for input order. */
  sort: Signal<Sort | null>
  filter: Signal<RowFilter>
  throughput: ReadonlySignal<Throughput | null>
}

const views = new WeakMap<PanelState, ResultsView>()

/** Return what belongs to a panel; it lives as long as that, not as its views. */
export function resultsViewOf(panel: PanelState): ResultsView {
  const known = views.get(panel)
  if (known) return known
  const made = follow(panel)
  views.set(panel, made)
  return made
}

function follow(panel: PanelState): ResultsView {
  const layout = signal(usualLayout(1))
  const sort = signal<Sort | null>(null)
  const filter = signal<RowFilter>(NO_FILTER)
  const throughput = signal<Throughput | null>(null)
  let jobId: string | null = null
  const stop = effect(() => {
    const job = panel.job.value
    // A filter for one job would hide the rows of the next.
    if (job !== null && job.id !== jobId) {
      jobId = job.id
      sort.value = null
      filter.value = NO_FILTER
      if (isUsual(layout.peek())) layout.value = usualLayout(job.n_datasources)
    }
    throughput.value = job && withSnapshot(throughput.peek(), job)
  })
  panel.closed.addEventListener("abort", stop)
  return { layout, sort, filter, throughput }
}

/** Ascending, descending, then input order again. */
export function nextSort(before: Sort | null, column: Sort["column"]): Sort | null {
  if (before?.column !== column) return { column, descending: false }
  return before.descending ? null : { column, descending: true }
}

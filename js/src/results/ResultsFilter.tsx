import { useEffect, useRef, useState } from "preact/hooks"
import type { JobSnapshot, RowStatus } from "../messages"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { count } from "./format"
import { ROW_LOOKS } from "./status-words"
import { resultsViewOf } from "./view-state"

const REST_MS = 250
const STATUSES: readonly RowStatus[] = ["succeeded", "truncated", "failed"]

/** Which rows to show: by text, by how they ended. */
export function ResultsFilter({ job }: { job: JobSnapshot }) {
  const { filter } = resultsViewOf(usePanel())
  const [typed, setTyped] = useState(filter.value.text)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => setTyped(filter.value.text), [filter.value.text])
  useEffect(() => () => clearTimeout(timer.current), [])

  const search = (text: string, restMs: number) => {
    setTyped(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      filter.value = { ...filter.value, text }
    }, restMs)
  }
  const toggle = (status: RowStatus) => {
    const { statuses } = filter.value
    filter.value = {
      ...filter.value,
      statuses: statuses.includes(status)
        ? statuses.filter((other) => other !== status)
        : [...statuses, status],
    }
  }

  const counts: Record<RowStatus, number> = {
    succeeded: job.succeeded,
    truncated: job.truncated,
    failed: job.failed,
  }
  return (
    <>
      <div class="ob-find ob-grow">
        <Icon name="search" />
        <input
          type="search"
          data-testid="results-filter"
          aria-label="Search answers, errors and x_uids"
          placeholder="Search answers, errors, x_uids"
          value={typed}
          onInput={(event) => search(event.currentTarget.value, REST_MS)}
          onKeyDown={(event) => {
            if (event.key === "Enter") search(event.currentTarget.value, 0)
            if (event.key === "Escape" && typed !== "") {
              event.preventDefault()
              event.stopPropagation()
              search("", 0)
            }
          }}
        />
      </div>
      <fieldset class="ob-toggles">
        <legend class="ob-visually-hidden">Show only</legend>
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            class={`ob-toggle ob-tone-${counts[status] > 0 ? ROW_LOOKS[status].tone : "quiet"}`}
            data-testid={`results-filter-${status}`}
            aria-pressed={filter.value.statuses.includes(status)}
            onClick={() => toggle(status)}
          >
            <Icon name={ROW_LOOKS[status].icon} />
            <span>{status}</span>{" "}
            <span class="ob-toggle-count">{count(counts[status])}</span>
          </button>
        ))}
      </fieldset>
    </>
  )
}

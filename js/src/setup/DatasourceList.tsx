import { useId } from "preact/hooks"
import { lastOf } from "../latest"
import type { DatasourceItem } from "../messages"
import { ago, compact, counted, moment } from "../results/format"
import { oneLine } from "../results/safe-text"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { FieldProblems } from "./FieldProblems"
import { type SetupStore, setupOf } from "./store"

/** The registered tables, to tick those that a run is over. */
export function DatasourceList() {
  const panel = usePanel()
  const store = setupOf(panel)
  const problems = useId()
  const answer = store.sources.value
  const page = lastOf(answer)
  const chosen = panel.call.value.datasource_uids
  const nothingYet = store.isEmpty.value
  return (
    <fieldset
      class="ob-stack"
      aria-label="Datasources"
      aria-describedby={chosen.length > 0 ? problems : undefined}
    >
      {!nothingYet && <Search store={store} />}
      <ul
        class="ob-sources"
        data-testid="datasource-list"
        data-field="datasource_uids"
        tabIndex={-1}
      >
        {page?.items.map((item) => (
          <Source
            key={item.uid}
            item={item}
            checked={chosen.includes(item.uid)}
            onToggle={(checked) =>
              store.chooseSources(
                checked
                  ? [...chosen, item.uid]
                  : chosen.filter((uid) => uid !== item.uid),
              )
            }
          />
        ))}
        {nothingYet && (
          <li class="ob-empty">
            No data yet. Add a file, a table of this kernel or the demo questions below.
          </li>
        )}
        {page?.items.length === 0 && !nothingYet && (
          <li class="ob-empty">No datasource is called like this.</li>
        )}
        {page === null && answer.status !== "failed" && (
          <li class="ob-muted ob-small">Loading…</li>
        )}
      </ul>
      {page !== null && page.items.length < page.total && (
        <p class="ob-small ob-muted">
          {page.items.length} of {counted(page.total, "datasource")}; search to narrow.
        </p>
      )}
      {answer.status === "failed" && (
        <p class="ob-small ob-error">
          {answer.error.message} {answer.error.hint}
        </p>
      )}
      {/* That nothing is chosen yet stands in the section's head, and among the checks. */}
      {chosen.length > 0 && <FieldProblems field="datasource_uids" id={problems} />}
    </fieldset>
  )
}

function Search({ store }: { store: SetupStore }) {
  return (
    <div class="ob-search">
      <Icon name="search" />
      <input
        type="search"
        aria-label="Search datasources"
        placeholder="Search datasources"
        value={store.search.value}
        onInput={({ currentTarget }) => {
          store.search.value = currentTarget.value
        }}
      />
    </div>
  )
}

interface SourceProps {
  item: DatasourceItem
  checked: boolean
  onToggle: (checked: boolean) => void
}

function Source({ item, checked, onToggle }: SourceProps) {
  const columns = item.columns.map(({ name }) => oneLine(name)).join(", ")
  return (
    <li class={checked ? "ob-source ob-is-chosen" : "ob-source"}>
      <label title={`${oneLine(item.name)}\n${counted(item.n_rows, "row")}\n${columns}`}>
        <input
          type="checkbox"
          data-testid={`datasource-${item.uid}`}
          checked={checked}
          onChange={({ currentTarget }) => onToggle(currentTarget.checked)}
        />
        <bdi class="ob-ellipsis ob-grow">{oneLine(item.name)}</bdi>
        <span class="ob-source-facts">
          <span>{compact(item.n_rows)} rows</span>
          <span>{compact(item.n_columns)} cols</span>
          <time
            dateTime={new Date(item.created_at * 1_000).toISOString()}
            title={moment(item.created_at)}
          >
            {ago(item.created_at, Date.now() / 1_000)}
          </time>
        </span>
      </label>
    </li>
  )
}

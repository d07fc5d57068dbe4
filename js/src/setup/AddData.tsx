import { useId, useState } from "preact/hooks"
import { lastOf } from "../latest"
import type { RegisterSource } from "../messages"
import { count } from "../results/format"
import { oneLine, visible } from "../results/safe-text"
import { usePanel } from "../state"
import { Section } from "../ui/Section"
import { useAction } from "../ui/use-action"
import { setupOf } from "./store"

/** Register another table: from a file, from the kernel's variables, or the demo's. */
export function AddData() {
  const panel = usePanel()
  const store = setupOf(panel)
  const [path, setPath] = useState("")
  const [uidCol, setUidCol] = useState("")
  const adding = useAction()
  const ids = { path: useId(), uid: useId() }
  const add = (source: RegisterSource) =>
    adding.run(async () => {
      const { payload } = await panel.rpc.request("register", {
        source,
        name: null,
        uid_col: source.kind === "demo" ? null : uidCol.trim() || null,
      })
      const chosen = panel.call.peek().datasource_uids
      if (!chosen.includes(payload.uid)) store.chooseSources([...chosen, payload.uid])
      setPath("")
      setUidCol("")
    })
  const unable = adding.busy || !panel.answers.value
  return (
    <Section title="Add data" level={4} folded={!store.isEmpty.value}>
      <form
        class="ob-stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (path.trim() !== "" && !unable) add({ kind: "path", path: path.trim() })
        }}
      >
        <div class="ob-add-path">
          <div class="ob-field">
            <label class="ob-label" for={ids.path}>
              File or URI
            </label>
            <input
              id={ids.path}
              data-testid="add-path"
              class="ob-mono"
              spellcheck={false}
              placeholder="tickets.parquet, .csv, .jsonl, s3://…"
              value={path}
              onInput={({ currentTarget }) => setPath(currentTarget.value)}
            />
          </div>
          <div class="ob-field">
            <label class="ob-label" for={ids.uid}>
              Uid column
            </label>
            <input
              id={ids.uid}
              data-testid="add-uid-col"
              spellcheck={false}
              placeholder="row number"
              title="Column of unique whole numbers that x_uids are made of; by default the row's position."
              value={uidCol}
              onInput={({ currentTarget }) => setUidCol(currentTarget.value)}
            />
          </div>
          <button
            type="submit"
            class="ob-button"
            data-testid="add-path-submit"
            disabled={unable || path.trim() === ""}
          >
            Add
          </button>
        </div>
        <div class="ob-line">
          <Variables add={add} unable={unable} />
          <button
            type="button"
            class="ob-button"
            data-testid="add-demo"
            disabled={unable}
            onClick={() => add({ kind: "demo" })}
          >
            Add the demo questions
          </button>
        </div>
        <p class="ob-small" role="status">
          {adding.busy && <span class="ob-muted">Reading the table…</span>}
          {adding.error && (
            <span class="ob-error">
              {visible(adding.error.message)} {visible(adding.error.hint)}
            </span>
          )}
        </p>
      </form>
    </Section>
  )
}

interface VariablesProps {
  add: (source: RegisterSource) => void
  unable: boolean
}

function Variables({ add, unable }: VariablesProps) {
  const store = setupOf(usePanel())
  const items = lastOf(store.variables.value)?.items ?? []
  return (
    <select
      class="ob-variables"
      data-testid="add-variable"
      aria-label="Add a table of this kernel"
      disabled={unable}
      value=""
      onFocus={() => store.lookForVariables()}
      onPointerEnter={() => store.lookForVariables()}
      onChange={({ currentTarget }) => {
        if (currentTarget.value !== "")
          add({ kind: "variable", name: currentTarget.value })
        currentTarget.value = ""
      }}
    >
      <option value="">
        {items.length === 0 ? "No table among the variables" : "Add a variable…"}
      </option>
      {items.map(({ name, kind, n_rows }) => (
        <option key={name} value={name}>
          {oneLine(name)} ({kind}
          {n_rows === null ? "" : `, ${count(n_rows)} rows`})
        </option>
      ))}
    </select>
  )
}

import { useId } from "preact/hooks"
import { oneLine } from "../results/safe-text"
import { usePanel } from "../state"
import { FieldProblems } from "./FieldProblems"
import { columnsOf, withRole } from "./names"
import { setupOf } from "./store"

/** Which column has which role. */
export function Mapping() {
  const panel = usePanel()
  const store = setupOf(panel)
  const problems = useId()
  const base = useId()
  const columns = [...columnsOf(store.chosen.value).keys()]
  const mapped = store.mapped.value
  return (
    <div class="ob-stack">
      <div class="ob-line">
        <span class="ob-label">Roles of the columns</span>
        {store.guessed.value && (
          <span class="ob-badge" data-testid="mapping-guessed">
            guessed by name
          </span>
        )}
      </div>
      <div class="ob-mapping">
        {panel.description.value?.roles.map(({ name, help }, at) => {
          const column = mapped.get(name) ?? ""
          return (
            <div class="ob-field" key={name}>
              <label class="ob-label ob-mono" for={`${base}-${name}`} title={help}>
                {name}
              </label>
              <select
                id={`${base}-${name}`}
                data-testid={`mapping-${name}`}
                data-field={at === 0 ? "column_mappings" : undefined}
                title={help}
                value={column}
                aria-describedby={problems}
                onChange={({ currentTarget }) => {
                  store.guessed.value = false
                  panel.editCall({
                    column_mappings: withRole(mapped, name, currentTarget.value || null),
                  })
                }}
              >
                <option value="">no column</option>
                {column !== "" && !columns.includes(column) && (
                  <option value={column}>{oneLine(column)} (not there)</option>
                )}
                {columns.map((each) => (
                  <option key={each} value={each}>
                    {oneLine(each)}
                  </option>
                ))}
              </select>
            </div>
          )
        })}
      </div>
      <FieldProblems field="column_mappings" id={problems} />
    </div>
  )
}

import { useState } from "preact/hooks"
import { oneLine } from "../results/safe-text"
import { usePanel } from "../state"
import { setupOf } from "./store"

const MOST_CHIPS = 20

/** A button for each name that types it into the template. */
export function NameChips({ onName }: { onName: (name: string) => void }) {
  const names = setupOf(usePanel()).names.value.filter(({ name }) => !/[{}]/.test(name))
  const [all, setAll] = useState(false)
  if (names.length === 0) return null
  return (
    <div class="ob-chips">
      {names.slice(0, all ? names.length : MOST_CHIPS).map((each) => (
        <button
          type="button"
          class={each.isRole ? "ob-chip ob-chip-role" : "ob-chip"}
          key={each.name}
          data-testid={`prompt-chip-${each.name}`}
          title={
            (each.isRole
              ? `Insert the role ${each.name}, column ${oneLine(each.detail)}`
              : `Insert the column ${oneLine(each.name)} (${each.detail})`) +
            (each.everywhere ? "" : "; not every chosen datasource has it")
          }
          // The editor keeps its caret.
          onPointerDown={(event) => event.preventDefault()}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onName(each.name)}
        >
          <bdi>{oneLine(each.name)}</bdi>
          {each.everywhere ? "" : " *"}
        </button>
      ))}
      {names.length > MOST_CHIPS && (
        <button type="button" class="ob-chip" onClick={() => setAll(!all)}>
          {all ? "fewer" : `${names.length - MOST_CHIPS} more`}
        </button>
      )}
    </div>
  )
}

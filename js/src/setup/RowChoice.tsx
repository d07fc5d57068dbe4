import { useId, useState } from "preact/hooks"
import type { RowChoice as Rows } from "../messages"
import { usePanel } from "../state"
import { FieldProblems } from "./FieldProblems"
import { ofKind, ROW_KINDS, rowsInWords, wholeNumber } from "./rows"
import { setupOf } from "./store"

/** Which rows of the datasources a run is over. */
export function RowChoice() {
  const panel = usePanel()
  const store = setupOf(panel)
  const rows = panel.call.value.rows
  const ids = { kind: useId(), x_uids: useId(), problems: useId() }
  const choose = (next: Rows, typing = false) => {
    store.index.value = 0
    panel.editCall({ rows: next }, { typing })
  }
  return (
    <div class="ob-stack">
      <div class="ob-rows">
        <div class="ob-field">
          <label class="ob-label" for={ids.kind}>
            Rows
          </label>
          <select
            id={ids.kind}
            data-testid="rows-kind"
            value={rows.kind}
            onChange={({ currentTarget }) => {
              const chosen = ROW_KINDS.find(({ kind }) => kind === currentTarget.value)
              if (chosen) choose(ofKind(chosen.kind, rows))
            }}
          >
            {rows.kind === "given" && <option value="given">{rowsInWords(rows)}</option>}
            {ROW_KINDS.map(({ kind, label }) => (
              <option key={kind} value={kind}>
                {label}
              </option>
            ))}
          </select>
        </div>
        {(rows.kind === "first" || rows.kind === "random") && (
          <WholeNumber
            label="N"
            testid="rows-n"
            least={1}
            value={rows.n}
            onValue={(n) => choose({ ...rows, n }, true)}
          />
        )}
        {rows.kind === "random" && (
          <WholeNumber
            label="Seed"
            testid="rows-seed"
            least={0}
            value={rows.seed}
            onValue={(seed) => choose({ ...rows, seed }, true)}
          />
        )}
      </div>
      {rows.kind === "x_uids" && (
        <div class="ob-field">
          <label class="ob-label" for={ids.x_uids}>
            x_uids, e.g. doc::3, 7, 10-12
          </label>
          <textarea
            id={ids.x_uids}
            data-testid="rows-x-uids"
            data-field="x_uids"
            class="ob-mono"
            rows={2}
            spellcheck={false}
            value={rows.x_uids}
            aria-describedby={ids.problems}
            onInput={({ currentTarget }) =>
              choose({ kind: "x_uids", x_uids: currentTarget.value }, true)
            }
          />
        </div>
      )}
      <FieldProblems field="x_uids" id={ids.problems} />
    </div>
  )
}

interface WholeNumberProps {
  label: string
  testid: string
  least: number
  value: number
  onValue: (value: number) => void
}

function WholeNumber({ label, testid, least, value, onValue }: WholeNumberProps) {
  const id = useId()
  const [text, setText] = useState(String(value))
  const typed = wholeNumber(text, least)
  // What is typed stays as it is while it is no number, or this number.
  const shown = typed === null || typed === value ? text : String(value)
  return (
    <div class="ob-field ob-narrow">
      <label class="ob-label" for={id}>
        {label}
      </label>
      <input
        id={id}
        data-testid={testid}
        inputMode="numeric"
        value={shown}
        aria-invalid={typed === null}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value)
          const next = wholeNumber(currentTarget.value, least)
          if (next !== null) onValue(next)
        }}
        onBlur={() => typed === null && setText(String(value))}
      />
    </div>
  )
}

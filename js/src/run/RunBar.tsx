import { useState } from "preact/hooks"
import { lastOf } from "../latest"
import { CopyPython } from "../results/CopyPython"
import { visible } from "../results/safe-text"
import { CostEstimate } from "../setup/Checks"
import { runLabel } from "../setup/estimate"
import { wholeNumber } from "../setup/rows"
import { setupOf } from "../setup/store"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { JobActions } from "./JobActions"
import { KeepWarning, keepsEndpoint } from "./KeepWarning"

const MOST_TRIAL_ROWS = 100

/** Try, run, and what can be done with the job that is shown. */
export function RunBar() {
  const panel = usePanel()
  const store = setupOf(panel)
  const { launching } = store
  const [nText, setNText] = useState("3")
  const [asksToKeep, setAsksToKeep] = useState(false)
  const state = launching.state.value
  const preflight = store.preflight.value
  const n = wholeNumber(nText, 1)
  const ready = preflight.status === "ready" && preflight.value.ok
  const able = panel.answers.value && ready && !panel.job.value?.live && !launching.busy
  const run = () => {
    if (keepsEndpoint(panel.call.peek()) && !asksToKeep) {
      setAsksToKeep(true)
      return
    }
    setAsksToKeep(false)
    void launching.launch(null)
  }
  return (
    <section class="ob-runbar" aria-label="Run">
      <fieldset class="ob-line" disabled={panel.kernel.value === "silent"}>
        <button
          type="button"
          class="ob-button ob-primary"
          data-testid="run"
          disabled={!able}
          onClick={run}
        >
          <Icon name="play" />
          {state.status === "launching" && state.trial === null
            ? "Launching…"
            : runLabel(lastOf(preflight))}
        </button>
        <span class="ob-try">
          <button
            type="button"
            class="ob-button"
            data-testid="try"
            disabled={!able || n === null || n > MOST_TRIAL_ROWS}
            title="Run the first of the chosen rows, to look before running all"
            onClick={() => n !== null && void launching.launch(n)}
          >
            {state.status === "launching" && state.trial !== null ? "Launching…" : "Try"}
          </button>
          <input
            data-testid="try-n"
            aria-label="Rows to try"
            title={`Rows to try, 1 to ${MOST_TRIAL_ROWS}`}
            inputMode="numeric"
            value={nText}
            aria-invalid={n === null || n > MOST_TRIAL_ROWS}
            onInput={({ currentTarget }) => setNText(currentTarget.value)}
          />
          <span class="ob-small ob-muted">{n === 1 ? "row" : "rows"}</span>
        </span>
        <JobActions />
        <span class="ob-copy">
          <CopyPython />
        </span>
      </fieldset>
      {asksToKeep && (
        <KeepWarning
          cost={lastOf(preflight)?.cost ?? null}
          onRun={run}
          onBack={() => setAsksToKeep(false)}
        />
      )}
      <CostEstimate />
      <p class="ob-small" role="status">
        {state.status === "failed" && (
          <span class="ob-error" data-testid="launch-error">
            {visible(state.error.message)} {visible(state.error.hint)}
          </span>
        )}
        {panel.kernel.value === "busy" && (
          <span class="ob-muted">The kernel is busy; it answers late.</span>
        )}
      </p>
    </section>
  )
}

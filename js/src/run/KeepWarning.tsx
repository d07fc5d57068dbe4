import { useEffect, useRef } from "preact/hooks"
import type { Cost, Draft } from "../messages"
import { money } from "../results/format"

export function keepsEndpoint(draft: Draft): boolean {
  return draft.provider === "sagemaker" && draft.deployment.keep_endpoint === true
}

interface KeepWarningProps {
  cost: Cost | null
  onRun: () => void
  onBack: () => void
}

/** Asks before something is left running that goes on costing. */
export function KeepWarning({ cost, onRun, onBack }: KeepWarningProps) {
  const back = useRef<HTMLButtonElement>(null)
  useEffect(() => back.current?.focus(), [])
  const each =
    cost === null ? "is billed by the hour" : `costs ${money(cost.usd_per_day)} a day`
  return (
    <div
      class="ob-problem ob-warning-box"
      role="alertdialog"
      aria-label="Keep the endpoint?"
    >
      <p class="ob-grow">
        The endpoint stays after the job and {each} until you delete it.
      </p>
      <button type="button" class="ob-button" ref={back} onClick={onBack}>
        Back
      </button>
      <button type="button" class="ob-button" data-testid="run-anyway" onClick={onRun}>
        Run and keep it
      </button>
    </div>
  )
}

import { useId } from "preact/hooks"
import { usePanel } from "../state"
import { FieldProblems, useFieldProblems } from "./FieldProblems"
import { withProvider } from "./provider"
import { setupOf } from "./store"

/** Which model, and where it is served. */
export function ModelChoice() {
  const panel = usePanel()
  const { kept } = setupOf(panel)
  const draft = panel.call.value
  const description = panel.description.value
  const provider = description?.providers.find(({ name }) => name === draft.provider)
  const ids = { provider: useId(), name: useId(), problems: useId() }
  const problems = useFieldProblems("external_model_name")
  return (
    <div class="ob-model">
      <div class="ob-field">
        <label class="ob-label" for={ids.provider}>
          Provider
        </label>
        <select
          id={ids.provider}
          data-testid="model-provider"
          data-field="finetuning_provider_type"
          value={draft.provider}
          onChange={({ currentTarget }) => {
            const chosen = description?.providers.find(
              ({ name }) => name === currentTarget.value,
            )
            if (description && chosen)
              panel.editCall(
                withProvider(draft, chosen, description.deployment_schema, kept),
              )
          }}
        >
          {description === null && (
            <option value={draft.provider}>{draft.provider}</option>
          )}
          {description?.providers.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <div class="ob-field">
        <label class="ob-label" for={ids.name}>
          Model
        </label>
        <input
          id={ids.name}
          data-testid="model-name"
          data-field="external_model_name"
          class="ob-mono"
          spellcheck={false}
          autocomplete="off"
          value={draft.model_name}
          placeholder={provider?.model_hint ?? ""}
          title={provider?.model_hint}
          aria-invalid={problems.some(({ severity }) => severity === "error")}
          aria-describedby={ids.problems}
          onInput={({ currentTarget }) =>
            panel.editCall({ model_name: currentTarget.value }, { typing: true })
          }
        />
      </div>
      <FieldProblems field="external_model_name" id={ids.problems} />
    </div>
  )
}

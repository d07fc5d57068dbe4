import type { SettingsSchema } from "../messages"
import { usePanel } from "../state"
import { Section } from "../ui/Section"
import { type FormField, formFields } from "./fields"
import { Presets } from "./Presets"
import { SettingsField, type SettingsGroup } from "./SettingsField"
import { setupOf } from "./store"

/** Fields that one sets often; the others are folded away. */
const COMMON: Record<SettingsGroup, readonly string[]> = {
  generation: ["max_new_tokens", "temperature", "do_sample", "stop"],
  deployment: [
    "instance_type",
    "instance_count",
    "max_cost_usd",
    "keep_endpoint",
    "base_url",
    "api_key_env",
    "max_concurrency",
    "context_length",
  ],
}

export function SettingsSection() {
  const panel = usePanel()
  const description = panel.description.value
  const { generation, deployment } = panel.call.value
  const set = Object.keys(generation).length + Object.keys(deployment).length
  return (
    <Section title="Settings" summary={set === 0 ? "defaults" : `${set} set`}>
      <Presets />
      {description === null ? (
        <p class="ob-small ob-muted">Loading…</p>
      ) : (
        <>
          <SettingsForm
            group="generation"
            title="Generation"
            schema={description.generation_schema}
          />
          <SettingsForm
            group="deployment"
            title="Deployment"
            schema={description.deployment_schema}
          />
        </>
      )}
    </Section>
  )
}

interface SettingsFormProps {
  group: SettingsGroup
  title: string
  schema: SettingsSchema
}

function SettingsForm({ group, title, schema }: SettingsFormProps) {
  const panel = usePanel()
  const { provider } = panel.call.value
  const settings = panel.call.value[group]
  const problems = setupOf(panel).problems.value
  // The system prompt is edited with the prompt.
  const fields = formFields(schema, provider).filter(({ kind }) => kind !== "template")
  const isCommon = ({ name }: FormField) => COMMON[group].includes(name)
  const common = fields.filter(isCommon)
  const others = fields.filter((field) => !isCommon(field))
  const setOthers = others.filter(({ name }) => name in settings)
  if (fields.length === 0) return null
  const faulty = others.some(({ name }) => problems.some(({ field }) => field === name))
  return (
    <fieldset class="ob-settings">
      <legend class="ob-legend">{title}</legend>
      <Fields group={group} fields={common} />
      {others.length > 0 && (
        <Section
          title={`More ${title.toLowerCase()} settings`}
          level={4}
          folded={setOthers.length === 0}
          summary={
            faulty ? (
              <span class="ob-error">something is wrong here</span>
            ) : (
              setOthers.map((each) => each.title).join(", ")
            )
          }
        >
          <Fields group={group} fields={others} />
        </Section>
      )}
    </fieldset>
  )
}

function Fields({ group, fields }: { group: SettingsGroup; fields: FormField[] }) {
  return (
    <div class="ob-fields">
      {fields.map((field) => (
        <SettingsField key={field.name} group={group} field={field} />
      ))}
    </div>
  )
}

import type { FormField } from "./fields"
import { fallbackText } from "./fields"
import type { SettingsGroup } from "./SettingsField"

interface SettingsControlProps {
  field: FormField
  group: SettingsGroup
  id: string
  describedBy: string
  invalid: boolean
  text: string
  onText: (text: string) => void
  /** The control was left. */
  onDone: () => void
}

/** The form control that fits a setting. */
export function SettingsControl(props: SettingsControlProps) {
  const { field, group, id, describedBy, invalid, text, onText, onDone } = props
  const fallback = fallbackText(field)
  const common = {
    id,
    "data-testid": `${group}-${field.name}`,
    "data-field": field.name,
    "aria-describedby": describedBy,
    "aria-invalid": invalid,
    title: [field.help, field.bounds && `Allowed: ${field.bounds}.`].join(" ").trim(),
    value: text,
  }
  switch (field.kind) {
    case "switch":
      return (
        <select {...common} onChange={({ currentTarget }) => onText(currentTarget.value)}>
          <option value="">
            {fallback === "" ? "default" : `default (${fallback})`}
          </option>
          <option value="true">on</option>
          <option value="false">off</option>
        </select>
      )
    case "choice":
      return (
        <select
          {...common}
          value={text === "" ? fallback : text}
          onChange={({ currentTarget }) => onText(currentTarget.value)}
        >
          {field.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      )
    case "texts":
    case "pairs":
    case "object":
    case "template":
      return (
        <textarea
          {...common}
          class="ob-mono"
          rows={Math.min(6, Math.max(1, text.split("\n").length))}
          spellcheck={false}
          placeholder={PLACEHOLDERS[field.kind]}
          onInput={({ currentTarget }) => onText(currentTarget.value)}
          onBlur={onDone}
        />
      )
    case "number":
    case "text":
      return (
        <input
          {...common}
          inputMode={
            field.kind === "text" ? "text" : field.integer ? "numeric" : "decimal"
          }
          spellcheck={false}
          autocomplete="off"
          placeholder={fallback === "" ? "default" : fallback}
          onInput={({ currentTarget }) => onText(currentTarget.value)}
          onBlur={onDone}
        />
      )
  }
}

const PLACEHOLDERS = {
  texts: "one on each line; \\n is a line break",
  pairs: "NAME=value, one on each line",
  object: '{"name": 1}',
  template: "",
}

import { useId, useState } from "preact/hooks"
import type { Json } from "../messages"
import { visible } from "../results/safe-text"
import { RpcError } from "../rpc"
import { type PanelState, usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { useAction } from "../ui/use-action"
import { FieldProblems, useFieldProblems } from "./FieldProblems"
import {
  controlText,
  type FormField,
  fallbackText,
  parseText,
  withSetting,
} from "./fields"
import { SettingsControl } from "./SettingsControl"

export type SettingsGroup = "generation" | "deployment"

interface SettingsFieldProps {
  group: SettingsGroup
  field: FormField
}

/** One setting: label with unit, control, way back to the default, what is wrong with it. */
export function SettingsField({ group, field }: SettingsFieldProps) {
  const panel = usePanel()
  const value = panel.call.value[group][field.name]
  const [typed, setTyped] = useState(controlText(field, value))
  const checking = useAction()
  const ids = { control: useId(), help: useId(), problems: useId() }
  const problems = useFieldProblems(field.name)
  // What was typed stays as it was written as long as it means the value that is set.
  const means = withSetting({}, field, parseText(field, typed))[field.name]
  const isSame = JSON.stringify(means) === JSON.stringify(value)
  const [pending, setPending] = useState(false)
  const text = isSame || pending ? typed : controlText(field, value)

  const set = (next: Json | undefined, typing: boolean) => {
    panel.editCall(
      { [group]: withSetting(panel.call.peek()[group], field, next) },
      { typing },
    )
  }
  const onText = (next: string) => {
    setTyped(next)
    // A secret must not get into the call, which is saved with the notebook: asked first.
    if (field.kind === "pairs") setPending(true)
    else set(parseText(field, next), field.kind !== "choice" && field.kind !== "switch")
  }
  const onDone = () => {
    if (!pending) return
    checking.run(async () => {
      await refuseFaulty(panel, group, field, typed)
      set(parseText(field, typed), false)
      setPending(false)
    })
  }
  const onReset = () => {
    setTyped("")
    setPending(false)
    checking.clear()
    set(undefined, false)
  }
  return (
    <div
      class={`ob-field ob-setting ob-kind-${field.kind}`}
      data-changed={value !== undefined}
    >
      <div class="ob-setting-head">
        <label class="ob-label" for={ids.control} title={field.help}>
          {field.title}
          {field.unit !== null && <span class="ob-unit"> {field.unit}</span>}
        </label>
        {(value !== undefined || pending) && (
          <button
            type="button"
            class="ob-button ob-quiet ob-reset"
            aria-label={`Reset ${field.title} to its default`}
            title={`Default: ${fallbackText(field) || "the server's own"}`}
            onClick={onReset}
          >
            <Icon name="undo" />
          </button>
        )}
      </div>
      <SettingsControl
        field={field}
        group={group}
        id={ids.control}
        describedBy={`${ids.help} ${ids.problems}`}
        invalid={
          checking.error !== null || problems.some(({ severity }) => severity === "error")
        }
        text={text}
        onText={onText}
        onDone={onDone}
      />
      <span id={ids.help} class="ob-visually-hidden">
        {field.help} {field.bounds}
      </span>
      {checking.error && (
        <p class="ob-small ob-error">
          {visible(checking.error.message)} {visible(checking.error.hint)}
        </p>
      )}
      <FieldProblems field={field.name} id={ids.problems} />
    </div>
  )
}

/** Ask the kernel whether a value may be set, without setting it; throws what it says. */
async function refuseFaulty(
  panel: PanelState,
  group: SettingsGroup,
  field: FormField,
  text: string,
): Promise<void> {
  const draft = panel.call.peek()
  const settings = withSetting(draft[group], field, parseText(field, text))
  const { payload } = await panel.rpc.request("preview", {
    draft: { ...draft, [group]: settings },
    index: 0,
  })
  const fault = payload.problems.find(
    (problem) => problem.field === field.name && problem.severity === "error",
  )
  if (fault) throw new RpcError(fault)
}

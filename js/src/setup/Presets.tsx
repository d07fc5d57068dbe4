import { useId, useState } from "preact/hooks"
import { lastOf } from "../latest"
import { oneLine, visible } from "../results/safe-text"
import { usePanel } from "../state"
import { Icon } from "../ui/Icon"
import { useAction } from "../ui/use-action"
import { setupOf } from "./store"

/** Settings saved under a name. */
export function Presets() {
  const panel = usePanel()
  const store = setupOf(panel)
  const presets = lastOf(store.presets.value)?.items ?? []
  const [name, setName] = useState("")
  const [told, setTold] = useState("")
  const acting = useAction()
  const id = useId()
  const exists = presets.some((each) => each.name === name.trim())
  const unable = acting.busy || !panel.answers.value || name.trim() === ""

  const act = (words: string, what: (name: string) => Promise<void>) =>
    acting.run(async () => {
      setTold("")
      await what(name.trim())
      setTold(words)
    })
  const load = async (wanted: string) => {
    const { payload } = await panel.rpc.request("load_preset", { name: wanted })
    panel.editCall(payload.settings)
  }
  const save = async (wanted: string) => {
    panel.flushCall()
    await panel.rpc.request("save_preset", { name: wanted, draft: panel.call.peek() })
  }
  const remove = async (wanted: string) => {
    await panel.rpc.request("delete_preset", { name: wanted })
    setName("")
  }
  return (
    <div class="ob-presets">
      <input
        list={id}
        data-testid="preset-name"
        aria-label="Preset"
        placeholder={presets.length === 0 ? "Preset name" : "Preset"}
        maxLength={100}
        value={name}
        onInput={({ currentTarget }) => {
          setName(currentTarget.value)
          setTold("")
        }}
      />
      <datalist id={id}>
        {presets.map((each) => (
          <option key={each.name} value={each.name}>
            {oneLine(each.name)}
          </option>
        ))}
      </datalist>
      <button
        type="button"
        class="ob-button"
        data-testid="preset-load"
        disabled={unable || !exists}
        onClick={() => act("Loaded.", load)}
      >
        Load
      </button>
      <button
        type="button"
        class="ob-button"
        data-testid="preset-save"
        disabled={unable}
        onClick={() => act(exists ? "Saved over." : "Saved.", save)}
      >
        {exists ? "Save over" : "Save"}
      </button>
      <button
        type="button"
        class="ob-button ob-quiet"
        data-testid="preset-delete"
        aria-label="Delete this preset"
        title="Delete this preset"
        disabled={unable || !exists}
        onClick={() => act("Deleted.", remove)}
      >
        <Icon name="trash" />
      </button>
      <span class="ob-small" role="status">
        {acting.error ? (
          <span class="ob-error">{visible(acting.error.message)}</span>
        ) : (
          <span class="ob-muted">{told}</span>
        )}
      </span>
    </div>
  )
}

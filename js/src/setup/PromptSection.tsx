import { useRef } from "preact/hooks"
import { usePanel } from "../state"
import { Section } from "../ui/Section"
import { typeInto } from "./caret"
import { NameChips } from "./NameChips"
import { Preview } from "./Preview"
import { TemplateEditor } from "./TemplateEditor"

/** The templates, and beside them what they make of a row. */
export function PromptSection() {
  const panel = usePanel()
  const { prompt_template, generation } = panel.call.value
  const system = generation.system_prompt
  const systemText = typeof system === "string" ? system : ""
  const lastUsed = useRef<HTMLTextAreaElement>(null)
  const section = useRef<HTMLDivElement>(null)
  const insert = (name: string) => {
    const editor =
      lastUsed.current ??
      section.current?.querySelector<HTMLTextAreaElement>("[data-field=prompt_template]")
    if (editor) typeInto(editor, editor.selectionStart, editor.selectionEnd, `{${name}}`)
  }
  const setSystem = (text: string) => {
    const { system_prompt: _, ...others } = generation
    const next = text === "" ? others : { ...others, system_prompt: text }
    panel.editCall({ generation: next }, { typing: true })
  }
  return (
    <Section title="Prompt">
      <div class="ob-prompt" ref={section}>
        <div class="ob-stack">
          <TemplateEditor
            field="prompt_template"
            label="Prompt template"
            testid="prompt-template"
            rows={5}
            value={prompt_template}
            placeholder="What the model is told, with {names} of roles and columns"
            onValue={(text) =>
              panel.editCall({ prompt_template: text }, { typing: true })
            }
            lastUsed={lastUsed}
          />
          <NameChips onName={insert} />
          <Section
            title="System prompt"
            level={4}
            folded={systemText === ""}
            summary={systemText === "" ? "none" : systemText}
          >
            <TemplateEditor
              field="system_prompt"
              label="System prompt template"
              testid="generation-system_prompt"
              rows={3}
              value={systemText}
              placeholder="Sent as the system message; empty for none"
              onValue={setSystem}
              lastUsed={lastUsed}
            />
          </Section>
        </div>
        <Preview />
      </div>
    </Section>
  )
}

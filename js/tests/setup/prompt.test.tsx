import { act } from "preact/test-utils"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { DRAFT, type Mounted, mountPanel, previewReply } from "../mounted"

const CHOSEN = {
  ...DRAFT,
  datasource_uids: [3],
  column_mappings: { question: "instruction" },
}

describe("the prompt", () => {
  let panel: Mounted

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    panel.unmount()
    vi.useRealTimers()
  })

  const editor = () => panel.part<HTMLTextAreaElement>("prompt-template")
  const write = async (marked: string) => {
    const caret = marked.indexOf("|")
    editor().value = marked.replace("|", "")
    editor().setSelectionRange(caret, caret)
    await act(() => {
      editor().dispatchEvent(new Event("input", { bubbles: true }))
    })
  }
  const key = (name: string) =>
    act(() => {
      editor().dispatchEvent(
        new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }),
      )
    })

  it("takes names from chips at the caret", async () => {
    panel = await mountPanel({}, { call: { ...CHOSEN, prompt_template: "Q: ! A:" } })
    editor().focus()
    editor().setSelectionRange(3, 4)

    await panel.press("prompt-chip-instruction")
    await panel.settle()

    expect(panel.call().prompt_template).toBe("Q: {instruction} A:")
  })

  it("completes names by keyboard", async () => {
    panel = await mountPanel({}, { call: CHOSEN })
    await write("Say {|")
    const list = panel.root.querySelector('[role="listbox"]')
    expect(list?.querySelectorAll('[role="option"]')).toHaveLength(3)
    expect(editor().getAttribute("aria-activedescendant")).toBe(list?.children[0]?.id)

    await key("ArrowDown")
    await key("Enter")
    await panel.settle()

    expect(panel.call().prompt_template).toBe("Say {question}")
    expect(panel.root.querySelector('[role="listbox"]')).toBeNull()
  })

  it("closes the names with Escape and leaves the text alone", async () => {
    panel = await mountPanel({}, { call: CHOSEN })
    await write("Say {an|")

    await key("Escape")

    expect(panel.root.querySelector('[role="listbox"]')).toBeNull()
    expect(editor().value).toBe("Say {an")
  })

  it("marks names, and unknown ones otherwise", async () => {
    panel = await mountPanel(
      {
        preview: () =>
          previewReply({
            unknown: [
              {
                field: "prompt_template",
                name: "qestion",
                position: 0,
                nearest: "question",
              },
            ],
          }),
      },
      { call: { ...CHOSEN, prompt_template: "{qestion} {answer} {{x}}" } },
    )

    const marks = [...panel.root.querySelectorAll("mark")].map((mark) => [
      mark.className,
      mark.textContent,
    ])

    expect(marks.slice(0, 4)).toEqual([
      ["ob-unknown", "{qestion}"],
      ["ob-name", "{answer}"],
      ["ob-literal", "{{"],
      ["ob-literal", "}}"],
    ])
  })

  it("replaces an unknown name everywhere by the nearest", async () => {
    panel = await mountPanel(
      {
        preview: () =>
          previewReply({
            unknown: [
              {
                field: "prompt_template",
                name: "qestion",
                position: 0,
                nearest: "question",
              },
            ],
          }),
      },
      { call: { ...CHOSEN, prompt_template: "{qestion} or {qestion}" } },
    )

    await panel.press("fix-rename")
    await panel.settle()

    expect(panel.call().prompt_template).toBe("{question} or {question}")
    expect(panel.find("fix-rename")).toBeNull()
  })

  it("doubles the braces of pasted JSON as the kernel says", async () => {
    panel = await mountPanel(
      { escape_braces: ({ text }) => ({ text: text.replace("{ {", "{{ {") }) },
      { call: { ...CHOSEN, prompt_template: "{ {instruction}" } },
    )

    await panel.press("fix-braces")
    await panel.settle()

    expect(panel.model.requests("escape_braces")[0]?.payload.names).toEqual([
      "instruction",
      "question",
      "answer",
    ])
    expect(panel.call().prompt_template).toBe("{{ {instruction}")
  })

  it("shows the rendered row 150 ms after the last key, and only the newest", async () => {
    panel = await mountPanel({}, { call: CHOSEN })
    const before = panel.model.requests("preview").length

    await panel.type("prompt-template", "a")
    await panel.settle(100)
    await panel.type("prompt-template", "ab")
    await panel.settle(149)
    expect(panel.model.requests("preview")).toHaveLength(before)

    await panel.settle(2)
    expect(panel.model.requests("preview").at(-1)?.payload.draft.prompt_template).toBe(
      "ab",
    )
    expect(panel.model.requests("preview")).toHaveLength(before + 1)
  })

  it("steps through the rows and stops at the ends", async () => {
    panel = await mountPanel(
      { preview: ({ index }) => previewReply({ index, n_rows: 2 }) },
      { call: CHOSEN },
    )
    expect(panel.part<HTMLButtonElement>("preview-previous").disabled).toBe(true)

    await panel.press("preview-next")
    await panel.settle()

    expect(panel.part("prompt-preview").textContent).toContain("Row 2 of 2")
    expect(panel.part<HTMLButtonElement>("preview-next").disabled).toBe(true)
  })

  it("shows hostile text as text", async () => {
    const hostile = '<img src=x onerror="boom()">\u202e\u0000'
    const row = previewReply().row
    panel = await mountPanel(
      { preview: () => previewReply({ row: row && { ...row, prompt: hostile } }) },
      { call: CHOSEN },
    )

    const shown = panel.part("preview-prompt")

    expect(shown.children).toHaveLength(0)
    expect(shown.textContent).toContain("<img src=x")
    expect(shown.textContent).not.toContain("\u202e")
  })

  it("keeps a system prompt among the generation settings, and none when it is empty", async () => {
    panel = await mountPanel({}, { call: CHOSEN })

    await panel.type("generation-system_prompt", "Be brief.")
    await panel.settle()
    expect(panel.call().generation).toEqual({ system_prompt: "Be brief." })

    await panel.type("generation-system_prompt", "")
    await panel.settle()
    expect(panel.call().generation).toEqual({})
  })
})

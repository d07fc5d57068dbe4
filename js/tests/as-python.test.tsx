import { describe, expect, it, onTestFinished, vi } from "vitest"
import { answerForCode } from "../src/as-python"
import { CODE_EVENT, type CodeRequest } from "../src/code-event"
import { openPanel } from "../src/state"
import { DRAFT, FakeModel } from "./fake-model"

describe("the panel's call as Python", () => {
  it("is that of the prompt as it was typed last", async () => {
    const asked: unknown[] = []
    const model = new FakeModel(
      {
        as_python: (payload) => {
          asked.push(payload)
          return { code: "import outboard" }
        },
      },
      { call: DRAFT },
    )
    const { state, close } = openPanel(model)
    onTestFinished(close)
    const root = new EventTarget()
    const stop = answerForCode(root, state)
    const answer = vi.fn<CodeRequest["answer"]>()

    state.editCall({ prompt_template: "Typed {instruction}" }, { typing: true })
    root.dispatchEvent(new CustomEvent(CODE_EVENT, { detail: { answer } }))
    stop()
    root.dispatchEvent(new CustomEvent(CODE_EVENT, { detail: { answer } }))

    expect(answer).toHaveBeenCalledOnce()
    await expect(answer.mock.calls[0]?.[0]).resolves.toBe("import outboard")
    expect(asked).toMatchObject([{ draft: { prompt_template: "Typed {instruction}" } }])
  })
})

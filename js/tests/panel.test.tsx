import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import createWidget from "../src/index"
import { FakeModel, jobSnapshot } from "./fake-model"
import { DRAFT, type Mounted, mountPanel } from "./mounted"

describe("a panel", () => {
  let panel: Mounted

  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    panel?.unmount()
    vi.useRealTimers()
  })

  it("shows the status of its job and the state of its kernel on its root", async () => {
    panel = await mountPanel({}, { job: jobSnapshot({ status: "running" }) })

    const root = panel.part("outboard-panel")
    expect(root.dataset.jobStatus).toBe("running")
    expect(root.dataset.kernel).toBe("alive")

    panel.model.fromKernel("job", jobSnapshot({ status: "succeeded", live: false }))
    await panel.settle(0)
    expect(root.dataset.jobStatus).toBe("succeeded")
  })

  it("says so and disables everything when the kernel is gone, until it speaks", async () => {
    panel = await mountPanel()

    await panel.settle(8_000)
    expect(panel.part("kernel-silent").textContent).toContain("does not answer")
    const within = panel.part("model-name").closest("fieldset")
    expect(within?.disabled).toBe(true)

    panel.model.beat()
    await panel.settle(0)
    expect(panel.find("kernel-silent")).toBeNull()
    expect(within?.disabled).toBe(false)
  })

  it("asks for the description again when the kernel was slow to start", async () => {
    panel = await mountPanel({ describe: undefined })
    await panel.settle(40_000)

    panel.model.beat()
    await panel.settle(0)

    expect(panel.model.requests("describe")).toHaveLength(2)
  })

  it("asks nothing ahead while no view is on the screen", async () => {
    let look: (seen: boolean) => void = () => {}
    class Observer {
      constructor(callback: (entries: { isIntersecting: boolean }[]) => void) {
        look = (isIntersecting) => callback([{ isIntersecting }])
      }
      observe() {
        look(false)
      }
      disconnect() {}
    }
    vi.stubGlobal("IntersectionObserver", Observer)
    panel = await mountPanel()
    expect(panel.model.requests("preflight")).toEqual([])

    look(true)
    await panel.settle()

    expect(panel.model.requests("preflight")).toHaveLength(1)
    vi.unstubAllGlobals()
  })

  it("keeps letters from the notebook around it, but not what saves", async () => {
    panel = await mountPanel()
    const heard: string[] = []
    panel.root.addEventListener("keydown", ({ key }) => heard.push(key))

    for (const init of [{ key: "d" }, { key: "Enter" }, { key: "s", ctrlKey: true }])
      panel
        .part("run")
        .dispatchEvent(new KeyboardEvent("keydown", { ...init, bubbles: true }))

    expect(heard).toEqual(["s"])
  })

  it("leaves nothing behind on its model", async () => {
    panel = await mountPanel({ jobs: undefined })
    const sent = panel.model.sent.length

    panel.unmount()

    expect(panel.model.sent).toHaveLength(sent)
    expect(panel.model.listening).toBe(0)
    await panel.settle(60_000)
    expect(vi.getTimerCount()).toBe(0)
  })

  it("shows one state in two views", async () => {
    panel = await mountPanel()
    const model = new FakeModel(panel.model.handlers)
    const widget = createWidget()
    const close = widget.initialize({ model })
    const [first, second] = [document.createElement("div"), document.createElement("div")]
    const leave = [first, second].map((el) => widget.render({ model, el }))
    await panel.settle()
    const nameIn = (el: HTMLElement) =>
      el.querySelector<HTMLInputElement>('[data-testid="model-name"]')

    const typed = nameIn(first)
    if (typed) typed.value = "other.gguf"
    typed?.dispatchEvent(new Event("input", { bubbles: true }))
    await panel.settle()

    expect(nameIn(second)?.value).toBe("other.gguf")
    expect(model.saved.at(-1)).toEqual({ call: { ...DRAFT, model_name: "other.gguf" } })
    for (const each of leave) each()
    close()
  })
})

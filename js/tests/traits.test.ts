import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { connectTraits } from "../src/traits"
import { DRAFT, FakeModel, jobSnapshot } from "./fake-model"

describe("the traits", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("follow what the kernel says of the job", () => {
    const model = new FakeModel()
    const heard = vi.fn()
    const traits = connectTraits(model, heard)

    model.fromKernel("job", jobSnapshot({ succeeded: 5 }))

    expect(traits.job.value?.succeeded).toBe(5)
    expect(heard).toHaveBeenCalledOnce()
  })

  it("leave no listener behind", () => {
    const model = new FakeModel()
    const traits = connectTraits(model, () => {})

    traits.disconnect()

    expect(model.listening).toBe(0)
  })

  it("send a choice at once and typing when it rests", () => {
    const model = new FakeModel()
    const { call } = connectTraits(model, () => {})

    call.edit({ provider: "openai" })
    expect(model.saved).toHaveLength(1)

    call.edit({ prompt_template: "a" }, { typing: true })
    call.edit({ prompt_template: "ab" }, { typing: true })
    expect(call.value.value.prompt_template).toBe("ab")
    expect(model.saved).toHaveLength(1)

    vi.advanceTimersByTime(150)
    expect(model.saved).toHaveLength(2)
    expect(model.saved[1]).toMatchObject({ call: { prompt_template: "ab" } })
  })

  it("keep what is being typed when an older write comes back", () => {
    const model = new FakeModel()
    const { call } = connectTraits(model, () => {})
    call.edit({ prompt_template: "a" })
    const sent = model.saved[0]?.call
    call.edit({ prompt_template: "ab" }, { typing: true })

    model.fromKernel("call", sent)

    expect(call.value.value.prompt_template).toBe("ab")
  })

  it("take what the kernel restores, and drop what was being typed", () => {
    const model = new FakeModel()
    const { call } = connectTraits(model, () => {})
    call.edit({ prompt_template: "typed" }, { typing: true })

    model.fromKernel("call", { ...DRAFT, prompt_template: "restored" })
    vi.advanceTimersByTime(1_000)

    expect(call.value.value.prompt_template).toBe("restored")
    expect(model.saved).toEqual([])
  })

  it("send nothing when nothing was edited", () => {
    const model = new FakeModel()

    connectTraits(model, () => {}).disconnect()

    expect(model.saved).toEqual([])
  })

  it("send what was typed before they let go of the model", () => {
    const model = new FakeModel()
    const traits = connectTraits(model, () => {})
    traits.call.edit({ prompt_template: "last" }, { typing: true })

    traits.disconnect()

    expect(model.saved.at(-1)).toMatchObject({ call: { prompt_template: "last" } })
  })
})

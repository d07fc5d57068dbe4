import { signal } from "@preact/signals"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { askLatest, lastOf } from "../src/latest"
import { ModelRpc } from "../src/rpc"
import { FakeModel } from "./fake-model"

function asking() {
  const model = new FakeModel()
  const rpc = new ModelRpc(model)
  model.on("msg:custom", (message: unknown, buffers: DataView[]) =>
    rpc.receive(message, buffers),
  )
  const search = signal("a")
  const paused = signal(false)
  const closing = new AbortController()
  const answer = askLatest({
    rpc,
    type: "jobs",
    restMs: 100,
    payload: () => (search.value === "" ? null : { search: search.value, limit: 1 }),
    paused: () => paused.value,
    closed: closing.signal,
  })
  const reply = async (total: number) => {
    model.answer(model.requests("jobs").at(-1)?.id ?? "", { items: [], total })
    await vi.advanceTimersByTimeAsync(0)
  }
  return { model, search, paused, closing, answer, reply }
}

describe("the latest answer", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("is asked for once the question has rested", async () => {
    const { model, search, answer, reply } = asking()
    search.value = "ab"
    search.value = "abc"

    vi.advanceTimersByTime(100)
    await reply(3)

    expect(model.requests("jobs").map(({ payload }) => payload.search)).toEqual(["abc"])
    expect(answer.value).toEqual({ status: "ready", value: { items: [], total: 3 } })
  })

  it("is out of date, but still there, while a newer one is on its way", async () => {
    const { search, answer, reply } = asking()
    vi.advanceTimersByTime(100)
    await reply(3)

    search.value = "b"

    expect(answer.value.status).toBe("loading")
    expect(lastOf(answer.value)?.total).toBe(3)
  })

  it("ignores the reply to an older question", async () => {
    const { model, search, answer } = asking()
    vi.advanceTimersByTime(100)
    const [older] = model.requests("jobs")
    search.value = "b"

    model.answer(older?.id ?? "", { items: [], total: 1 })
    await vi.advanceTimersByTimeAsync(0)

    expect(answer.value).toEqual({ status: "loading", last: null })
    expect(model.sent.some(({ type }) => type === "abort")).toBe(true)
  })

  it("is not asked for while it is no use, and kept when it still holds", async () => {
    const { model, paused, answer, reply } = asking()
    paused.value = true
    vi.advanceTimersByTime(1_000)
    expect(model.sent).toEqual([])

    paused.value = false
    vi.advanceTimersByTime(100)
    await reply(3)
    paused.value = true
    paused.value = false
    vi.advanceTimersByTime(1_000)

    expect(model.requests("jobs")).toHaveLength(1)
    expect(answer.value.status).toBe("ready")
  })

  it("is asked for again when another page took its place", async () => {
    const { model } = asking()
    vi.advanceTimersByTime(100)

    model.refuse(model.requests("jobs")[0]?.id ?? "", { code: "aborted" })
    await vi.advanceTimersByTimeAsync(500)

    expect(model.requests("jobs")).toHaveLength(2)
  })

  it("is nothing when there is nothing to ask", async () => {
    const { search, answer } = asking()

    search.value = ""

    expect(answer.value).toEqual({ status: "none" })
  })

  it("is never asked for after the panel was closed", () => {
    const { model, search, closing } = asking()
    closing.abort()

    search.value = "b"
    vi.advanceTimersByTime(1_000)

    expect(model.sent).toEqual([])
  })
})

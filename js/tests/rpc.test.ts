import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { ModelRpc, type RpcError } from "../src/rpc"
import { FakeModel } from "./fake-model"

function connected(handlers = {}) {
  const model = new FakeModel(handlers)
  const rpc = new ModelRpc(model)
  const receive = (message: unknown, buffers: DataView[]) => rpc.receive(message, buffers)
  model.on("msg:custom", receive)
  return { model, rpc }
}

function failure(promise: Promise<unknown>): Promise<RpcError> {
  return promise.then(
    () => {
      throw new Error("it did not fail")
    },
    (cause: unknown) => cause as RpcError,
  )
}

describe("a request", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("gets the payload and the buffer of its own reply", async () => {
    const { model, rpc } = connected()
    const first = rpc.request("jobs", { search: "a", limit: 1 })
    const second = rpc.request("jobs", { search: "b", limit: 1 })
    const [firstId = "", secondId = ""] = model.requests("jobs").map(({ id }) => id)
    const buffer = new DataView(new ArrayBuffer(4))

    model.answer(secondId, { items: [], total: 2 }, [buffer])
    model.answer(firstId, { items: [], total: 1 })

    expect((await first).payload.total).toBe(1)
    expect(await second).toEqual({ payload: { items: [], total: 2 }, buffer })
  })

  it("fails with the code, hint and field that the kernel says", async () => {
    const { model, rpc } = connected()
    const asked = failure(rpc.request("presets", {}))

    model.refuse(model.sent[0]?.id ?? "", {
      code: "config",
      message: "No.",
      hint: "Do this.",
      field: "temperature",
    })

    expect(await asked).toMatchObject({
      code: "config",
      message: "No.",
      hint: "Do this.",
      field: "temperature",
    })
  })

  it("fails and is given up when no reply comes in time", async () => {
    const { model, rpc } = connected()
    const asked = failure(
      rpc.request("jobs", { search: "", limit: 1 }, { timeoutMs: 50 }),
    )

    vi.advanceTimersByTime(50)

    expect((await asked).code).toBe("timeout")
    expect(model.sent.at(-1)).toMatchObject({
      type: "abort",
      payload: { request: model.sent[0]?.id },
    })
  })

  it("is given up when its signal aborts, and a late reply does nothing", async () => {
    const { model, rpc } = connected()
    const abort = new AbortController()
    const asked = failure(rpc.request("presets", {}, { signal: abort.signal }))

    abort.abort()
    model.answer(model.sent[0]?.id ?? "", { items: [] })

    expect((await asked).code).toBe("aborted")
    expect(model.sent.map(({ type }) => type)).toEqual(["presets", "abort"])
  })

  it("is not sent when its signal was aborted before", async () => {
    const { model, rpc } = connected()

    const error = await failure(
      rpc.request("presets", {}, { signal: AbortSignal.abort() }),
    )

    expect(error.code).toBe("aborted")
    expect(model.sent).toEqual([])
  })

  it("fails when the panel is closed, and so does every later one", async () => {
    const { rpc } = connected()
    const asked = failure(rpc.request("presets", {}))

    rpc.close()

    expect((await asked).code).toBe("closed")
    expect((await failure(rpc.request("presets", {}))).code).toBe("closed")
  })

  it("counts as waiting only if it should be answered at once", () => {
    const { rpc } = connected()
    void failure(
      rpc.request("register", { source: { kind: "demo" }, name: null, uid_col: null }),
    )

    expect(rpc.longestWaitMs(Date.now() + 5_000)).toBe(0)

    void failure(rpc.request("cancel", { job_id: "job-1" }))
    expect(rpc.longestWaitMs(Date.now() + 5_000)).toBe(5_000)
  })

  it("survives a model that cannot send", async () => {
    const { model, rpc } = connected()
    model.send = () => {
      throw new Error("no comm")
    }
    const asked = failure(rpc.request("presets", {}))

    vi.advanceTimersByTime(30_000)

    expect((await asked).code).toBe("timeout")
  })
})

it("ignores beats and the replies to other pages", () => {
  const { model } = connected()

  expect(() => {
    model.beat()
    model.answer("another-page-1", {})
  }).not.toThrow()
})

import { readFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Requests, ResultRow } from "../../src/messages"
import { PromptCells } from "../../src/results/prompts"
import {
  type Ask,
  PAGE_ROWS,
  promptsOf,
  type RowQuery,
  RowWindows,
  tableOf,
} from "../../src/results/rows"
import { promptsBuffer, resultRow, rowsBuffer } from "./arrow-rows"

const QUERY: RowQuery = { jobId: "job-1", sort: null, filter: { statuses: [], text: "" } }

/** A kernel whose answers come when the test says so. */
class SlowKernel {
  total = 1_000_000
  version = 1
  asked: { payload: Requests["rows"][0]; signal: AbortSignal; answer: () => void }[] = []
  prompts: { ordinals: number[]; answer: () => void; fail: () => void }[] = []
  make: (ordinal: number) => ResultRow = (ordinal) => resultRow(ordinal)
  fault: Error | null = null
  #answered = 0

  readonly ask: Ask = (type, payload, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")))
      if (type === "rows") {
        const asked = payload as Requests["rows"][0]
        const answer = () => {
          if (this.fault) return reject(this.fault)
          const { start } = asked
          const stop = Math.min(asked.stop, this.total)
          const rows = Array.from({ length: Math.max(0, stop - start) }, (_, i) =>
            this.make(start + i),
          )
          const reply = { start, total: this.total, version: this.version }
          resolve({ payload: reply as never, buffer: rowsBuffer(rows) })
        }
        this.asked.push({ payload: asked, signal, answer })
        return
      }
      const { ordinals } = payload as Requests["prompts"][0]
      const rows = ordinals.map((ordinal) => ({
        ordinal,
        prompt: `prompt ${ordinal}`,
        reference: null,
      }))
      this.prompts.push({
        ordinals,
        answer: () => resolve({ payload: {} as never, buffer: promptsBuffer(rows) }),
        fail: () => reject(new Error("no such file")),
      })
    })

  get starts(): number[] {
    return this.asked.map(({ payload }) => payload.start)
  }

  /** Answer everything asked so far, and what is asked because of that. */
  async answerAll(): Promise<void> {
    for (; this.#answered < this.asked.length; this.#answered++) {
      this.asked[this.#answered]?.answer()
      await vi.advanceTimersByTimeAsync(1)
    }
  }

  forget(): void {
    this.asked = []
    this.#answered = 0
  }
}

let kernel: SlowKernel
let changed: ReturnType<typeof vi.fn<() => void>>
let rows: RowWindows

beforeEach(() => {
  vi.useFakeTimers()
  kernel = new SlowKernel()
  changed = vi.fn<() => void>()
  rows = new RowWindows(kernel.ask, changed)
})

afterEach(() => {
  rows.close()
  vi.useRealTimers()
})

describe("windows of rows", () => {
  it("answer at once and are there when the kernel has answered", async () => {
    rows.query(QUERY, 1)
    expect(rows.get(3).status).toBe("pending")
    expect(rows.total).toBeNull()

    await kernel.answerAll()

    expect(rows.total).toBe(1_000_000)
    expect(rows.get(3)).toMatchObject({ status: "ready", row: { x_uid: "doc::3" } })
    expect(rows.get(3)).toEqual(rows.get(3))
    expect(changed).toHaveBeenCalled()
  })

  it("ask for the screen first and the neighbours then, two at a time", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.forget()
    await vi.advanceTimersByTimeAsync(100)

    rows.show({ first: 5_020, stop: 5_040 })

    expect(kernel.starts).toEqual([5_000, 5_100])
    kernel.asked[0]?.answer()
    await vi.advanceTimersByTimeAsync(0)
    expect(kernel.starts).toEqual([5_000, 5_100, 4_900])
  })

  it("give up what was scrolled past and ask for nothing on the way", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.forget()
    await vi.advanceTimersByTimeAsync(100)

    for (let first = 1_000; first <= 40_000; first += 1_000) {
      rows.show({ first, stop: first + 20 })
      await vi.advanceTimersByTimeAsync(16)
    }
    await vi.advanceTimersByTimeAsync(60)

    expect(kernel.starts).toEqual([1_000, 1_100, 40_000, 40_100])
    expect(kernel.asked.map(({ signal }) => signal.aborted)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it("keep no more pages however far one scrolls", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()

    for (let page = 1; page < 50; page++) {
      await vi.advanceTimersByTimeAsync(100)
      rows.show({ first: page * PAGE_ROWS, stop: page * PAGE_ROWS + 20 })
      await kernel.answerAll()
    }

    let kept = 0
    for (let index = 0; index < 5_200; index += PAGE_ROWS)
      if (rows.get(index).status === "ready") kept++
    expect(kept).toBeLessThanOrEqual(30)
    expect(rows.get(4_910).status).toBe("ready")
    expect(rows.get(0).status).toBe("pending")
  })

  it("stay while a newer version of them is fetched", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.forget()
    kernel.version = 2
    kernel.make = (ordinal) => resultRow(ordinal, { response: "newer" })

    rows.query(QUERY, 2)
    await vi.advanceTimersByTimeAsync(200)

    expect(kernel.starts).toEqual([0])
    expect(rows.get(0)).toMatchObject({ row: { response: "answer 0" } })
    await kernel.answerAll()
    expect(rows.get(0)).toMatchObject({ row: { response: "newer" } })
  })

  it("that are older than the snapshot are asked for until they are not", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()
    rows.query(QUERY, 2)
    await vi.advanceTimersByTimeAsync(200)
    await kernel.answerAll()
    kernel.forget()

    kernel.version = 2
    await vi.advanceTimersByTimeAsync(200)
    await kernel.answerAll()
    await vi.advanceTimersByTimeAsync(1_000)

    expect(kernel.starts).toEqual([0])
  })

  it("are not asked for again when the kernel is ahead of the snapshot", async () => {
    kernel.version = 9
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.forget()

    rows.query(QUERY, 9)
    await vi.advanceTimersByTimeAsync(1_000)

    expect(kernel.asked).toEqual([])
  })

  it("of a job that answers fast are looked at five times a second at most", async () => {
    kernel.total = 50
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.forget()

    for (let version = 2; version <= 21; version++) {
      kernel.version = version
      rows.query(QUERY, version)
      await vi.advanceTimersByTimeAsync(50)
      await kernel.answerAll()
    }

    expect(kernel.asked.length).toBeGreaterThanOrEqual(4)
    expect(kernel.asked.length).toBeLessThanOrEqual(6)
  })

  it("grow with the job", async () => {
    kernel.total = 100
    rows.query(QUERY, 1)
    await kernel.answerAll()
    rows.show({ first: 80, stop: 100 })

    kernel.total = 130
    kernel.version = 2
    rows.query(QUERY, 2)
    await vi.advanceTimersByTimeAsync(200)
    await kernel.answerAll()
    await vi.advanceTimersByTimeAsync(200)
    await kernel.answerAll()

    expect(rows.total).toBe(130)
    expect(rows.get(129).status).toBe("ready")
  })

  it("of the query before stay until the first new ones are there", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.make = (ordinal) => resultRow(ordinal + 500)

    rows.query({ ...QUERY, sort: { column: "latency_s", descending: true } }, 1)

    expect(rows.isStale).toBe(true)
    expect(rows.get(0)).toMatchObject({ row: { ordinal: 0 } })
    await kernel.answerAll()
    expect(rows.isStale).toBe(false)
    expect(rows.get(0)).toMatchObject({ row: { ordinal: 500 } })
  })

  it("of another job are never shown as this one's", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()

    rows.query({ ...QUERY, jobId: "job-2" }, 1)

    expect(rows.get(0).status).toBe("pending")
    expect(rows.total).toBeNull()
  })

  it("say why they are missing and come on the second try", async () => {
    kernel.fault = new Error("The job is gone.")
    rows.query(QUERY, 1)
    await kernel.answerAll()

    expect(rows.get(0).status).toBe("failed")
    expect(rows.error).toBe(kernel.fault)

    await vi.advanceTimersByTimeAsync(5_000)
    expect(kernel.asked).toHaveLength(1)
    kernel.fault = null
    rows.retry()
    await kernel.answerAll()
    expect(rows.error).toBeNull()
    expect(rows.get(0).status).toBe("ready")
  })

  it("outlive a refresh that fails, which is not tried again and again", async () => {
    rows.query(QUERY, 1)
    await kernel.answerAll()
    kernel.forget()
    kernel.fault = new Error("no answer")

    rows.query(QUERY, 2)
    await vi.advanceTimersByTimeAsync(200)
    await kernel.answerAll()
    await vi.advanceTimersByTimeAsync(5_000)

    expect(kernel.asked).toHaveLength(1)
    expect(rows.get(0).status).toBe("ready")
    expect(rows.error).toBeNull()
  })

  it("are found by ordinal where they are", async () => {
    kernel.make = (ordinal) => resultRow(1_000_000 - ordinal)
    rows.query(QUERY, 1)
    await kernel.answerAll()

    expect(rows.indexOf(999_993)).toBe(7)
    expect(rows.indexOf(3)).toBeNull()
  })
})

describe("prompts", () => {
  let prompts: PromptCells

  beforeEach(() => {
    prompts = new PromptCells(kernel.ask, changed)
  })

  it("are asked for once the list rests", async () => {
    prompts.show("job-1", [0, 1, 2])
    await vi.advanceTimersByTimeAsync(50)
    prompts.show("job-1", [7, 8, 9])
    await vi.advanceTimersByTimeAsync(120)

    expect(kernel.prompts.map(({ ordinals }) => ordinals)).toEqual([[7, 8, 9]])
    expect(prompts.get(7).status).toBe("pending")
    kernel.prompts[0]?.answer()
    await vi.advanceTimersByTimeAsync(0)
    expect(prompts.get(7)).toEqual({
      status: "ready",
      prompt: "prompt 7",
      reference: null,
    })
  })

  it("that are there are not asked for again", async () => {
    prompts.show("job-1", [0, 1])
    await vi.advanceTimersByTimeAsync(120)
    kernel.prompts[0]?.answer()
    await vi.advanceTimersByTimeAsync(0)

    prompts.show("job-1", [1, 2])
    await vi.advanceTimersByTimeAsync(120)

    expect(kernel.prompts[1]?.ordinals).toEqual([2])
  })

  it("that cannot be had fail without being tried again", async () => {
    prompts.show("job-1", [0])
    await vi.advanceTimersByTimeAsync(120)
    kernel.prompts[0]?.fail()
    await vi.advanceTimersByTimeAsync(5_000)

    expect(prompts.get(0).status).toBe("failed")
    expect(kernel.prompts).toHaveLength(1)
  })

  it("of another job are forgotten", async () => {
    prompts.show("job-1", [0])
    await vi.advanceTimersByTimeAsync(120)
    kernel.prompts[0]?.answer()
    await vi.advanceTimersByTimeAsync(0)

    prompts.show("job-2", [0])

    expect(prompts.get(0).status).toBe("pending")
  })
})

describe("the kernel's example", () => {
  const example = (name: string) => {
    const path = `../tests/panel/messages/${name}.json`
    const message = JSON.parse(readFileSync(path, "utf8"))
    const bytes = Uint8Array.from(Buffer.from(message.buffer, "base64"))
    return { message, buffer: new DataView(bytes.buffer) }
  }

  it("of rows reads as they are", () => {
    const { message, buffer } = example("rows")

    expect(tableOf(buffer)?.toArray()).toEqual(message.rows)
  })

  it("of prompts reads as they are", () => {
    const { message, buffer } = example("prompts")

    expect(promptsOf(buffer)).toEqual(message.rows)
  })

  it("reads wherever it stands in a larger message", () => {
    const { message, buffer } = example("rows")
    const larger = new Uint8Array(buffer.byteLength + 3)
    larger.set(new Uint8Array(buffer.buffer), 3)

    const table = tableOf(new DataView(larger.buffer, 3))

    expect(table?.toArray()).toEqual(message.rows)
  })
})

import { describe, expect, it } from "vitest"
import { endingOf, JobBoard, progressText } from "../../lab/jobs"
import type { NoticedJob } from "../../src/job-event"

const job = (parts: Partial<NoticedJob> = {}): NoticedJob => ({
  id: "job-1",
  status: "running",
  live: true,
  trial: false,
  model_name: "qwen",
  done: 1_200,
  failed: 0,
  total: 5_000,
  ...parts,
})
const ended = (parts: Partial<NoticedJob> = {}) =>
  job({ status: "succeeded", live: false, done: 5_000, ...parts })
const notice = (panel: string, shown: NoticedJob | null) => ({
  panel,
  notebook: null,
  job: shown,
})

describe("the jobs of a page", () => {
  it("are counted once, however many panels show them", () => {
    const board = new JobBoard()

    board.take(notice("a", job()))
    board.take(notice("b", job()))
    expect(board.live).toHaveLength(1)
    board.take(notice("b", job({ id: "job-2" })))

    expect(board.live).toHaveLength(2)
  })

  it("are reported once when they end", () => {
    const board = new JobBoard()
    board.take(notice("a", job()))
    board.take(notice("b", job()))

    expect(board.take(notice("a", ended()))).toEqual(ended())
    expect(board.take(notice("b", ended()))).toBeNull()
    expect(board.live).toEqual([])
  })

  it("that had ended before they were shown are not news", () => {
    expect(new JobBoard().take(notice("a", ended()))).toBeNull()
  })

  it("are news again after they were resumed", () => {
    const board = new JobBoard()
    board.take(notice("a", job()))
    board.take(notice("a", ended({ status: "cancelled" })))
    board.take(notice("a", job()))

    expect(board.take(notice("a", ended()))?.status).toBe("succeeded")
  })

  it("do not run, as far as anybody knows, once their panel is gone", () => {
    const board = new JobBoard()
    board.take(notice("a", job()))

    expect(board.take(notice("a", null))).toBeNull()
    expect(board.live).toEqual([])
  })
})

describe("what is said of jobs", () => {
  it("names the model and its progress, or how many there are", () => {
    expect(progressText([])).toBe("")
    expect(progressText([job()])).toBe("qwen: 1,200 of 5,000 rows")
    expect(progressText([job(), job({ id: "job-2" })])).toBe("2 jobs are running")
  })

  it.each([
    [{}, "success", "qwen: all 5,000 rows done"],
    [{ failed: 12 }, "warning", "qwen: all 5,000 rows done, 12 failed"],
    [{ status: "cancelled", done: 7 }, "info", "qwen: cancelled after 7 of 5,000 rows"],
    [{ status: "failed", done: 7 }, "error", "qwen: failed after 7 of 5,000 rows"],
    [
      { status: "interrupted", done: 7 },
      "error",
      "qwen: interrupted after 7 of 5,000 rows; it can be resumed",
    ],
  ])("tells how one ended: %o", (parts, type, message) => {
    expect(endingOf(ended(parts))).toEqual({ type, message })
  })
})

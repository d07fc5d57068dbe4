import { describe, expect, it } from "vitest"
import {
  explanation,
  extentOf,
  extentText,
  facts,
  statusOf,
} from "../../src/results/status-words"
import { jobSnapshot } from "../fake-model"

describe("a job in words", () => {
  it("tells what it does while it gets ready", () => {
    const phase = { kind: "endpoint", message: "Creating it", done: null, total: null }

    expect(explanation(jobSnapshot({ status: "deploying", phase }))).toBe("Creating it")
  })

  it("tells what was kept when its process died", () => {
    const job = jobSnapshot({
      status: "interrupted",
      succeeded: 3,
      failed: 1,
      pending: 6,
    })

    expect(explanation(job)).toContain("4 finished rows kept; resuming sends the other 6")
  })

  it("does not pretend to know how far a deployment is", () => {
    const phase = { kind: "endpoint", message: "Creating it", done: null, total: null }

    expect(extentOf(jobSnapshot({ status: "deploying", phase }))).toBeNull()
    expect(
      extentOf(
        jobSnapshot({ status: "deploying", phase: { ...phase, done: 12, total: 98 } }),
      ),
    ).toEqual({ done: 12, failed: 0, total: 98 })
  })

  it("counts failed rows as done but says so", () => {
    const job = jobSnapshot({ total: 10, succeeded: 4, failed: 2 })

    expect(extentOf(job)).toEqual({ done: 6, failed: 2, total: 10 })
    expect(extentText(job)).toBe("6 of 10 rows, 2 failed")
  })

  it("leaves out numbers that say nothing", () => {
    const labels = (parts: object) =>
      facts(jobSnapshot(parts), 2).map(({ label }) => label)

    expect(labels({ failed: 0, truncated: 0 })).not.toContain("failed")
    expect(labels({ failed: 1 })).toContain("failed")
    expect(labels({ live: false, status: "succeeded" })).not.toContain("rows/s")
    expect(labels({ cost_usd: null })).not.toContain("so far")
    expect(labels({ cost_usd: 0 })).toContain("so far")
  })

  it("calls a row truncated that the token limit cut", () => {
    expect(statusOf({ status: "succeeded", finish_reason: "length" })).toBe("truncated")
    expect(statusOf({ status: "succeeded", finish_reason: "stop" })).toBe("succeeded")
    expect(statusOf({ status: "failed", finish_reason: "error" })).toBe("failed")
  })
})

import { describe, expect, it } from "vitest"
import type { JobSnapshot } from "../../src/messages"
import { polyline, type Throughput, withSnapshot } from "../../src/results/throughput"
import { jobSnapshot } from "../fake-model"

function followed(snapshots: Partial<JobSnapshot>[]): Throughput | null {
  let throughput: Throughput | null = null
  for (const parts of snapshots) throughput = withSnapshot(throughput, jobSnapshot(parts))
  return throughput
}

describe("throughput", () => {
  it("is rows by the second that passed between snapshots", () => {
    const throughput = followed([
      { elapsed_s: 0, succeeded: 0, failed: 0 },
      { elapsed_s: 0.4, succeeded: 3, failed: 0 },
      { elapsed_s: 1, succeeded: 8, failed: 2 },
      { elapsed_s: 2, succeeded: 13, failed: 2 },
    ])

    expect(throughput?.points).toEqual([10, 5])
  })

  it("covers a long run in a bounded number of points", () => {
    const seconds = Array.from({ length: 5_000 }, (_, i) => i)

    const throughput = followed(
      seconds.map((elapsed_s) => ({ elapsed_s, succeeded: elapsed_s * 3, failed: 0 })),
    )

    expect(throughput?.points.length).toBeLessThanOrEqual(120)
    expect(throughput?.points.length).toBeGreaterThan(60)
    for (const point of throughput?.points ?? []) expect(point).toBeCloseTo(3)
  })

  it("fills the time that the page was away", () => {
    const throughput = followed([
      { elapsed_s: 0, succeeded: 0, failed: 0 },
      { elapsed_s: 5, succeeded: 10, failed: 0 },
    ])

    expect(throughput?.points).toEqual([2, 2, 2, 2, 2])
  })

  it("begins again with another job and with a retry", () => {
    const first = { id: "job-1", elapsed_s: 0, succeeded: 0, failed: 5 }

    expect(
      followed([first, { ...first, elapsed_s: 1 }, { ...first, id: "job-2" }])?.points,
    ).toEqual([])
    expect(
      followed([first, { ...first, elapsed_s: 1 }, { ...first, failed: 0 }])?.points,
    ).toEqual([])
  })

  it("draws a line from the first point to the last", () => {
    expect(polyline([0, 10], 100, 20)).toBe("0.0,19.0 100.0,1.0")
    expect(polyline([5], 100, 20)).toBe("")
    expect(polyline([0, 0], 100, 20)).toBe("0.0,19.0 100.0,19.0")
  })
})

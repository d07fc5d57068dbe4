/** Rows a second over the life of a run, in few points. */

import type { JobSnapshot } from "../messages"

const MOST_POINTS = 120

export interface Throughput {
  jobId: string
  /** Seconds that a point stands for; doubles when the points have become too many. */
  step_s: number
  /** Rows a second, oldest first. */
  points: readonly number[]
  /** Where the point that is being filled began. */
  since: { elapsed_s: number; done: number }
}

/** Take a snapshot of the job into account. */
export function withSnapshot(before: Throughput | null, job: JobSnapshot): Throughput {
  const now = { elapsed_s: job.elapsed_s, done: job.succeeded + job.failed }
  // A retry takes failed rows back: nothing sensible can be said across that.
  if (before === null || before.jobId !== job.id || now.done < before.since.done)
    return { jobId: job.id, step_s: 1, points: [], since: now }

  const passed = now.elapsed_s - before.since.elapsed_s
  if (passed < before.step_s) return before

  const rows_per_s = (now.done - before.since.done) / passed
  // A page that was away finds many steps behind it: they are one long point.
  const steps = Math.min(MOST_POINTS, Math.max(1, Math.round(passed / before.step_s)))
  const points = [...before.points, ...Array<number>(steps).fill(rows_per_s)]
  return thinned({ ...before, points, since: now })
}

function thinned(throughput: Throughput): Throughput {
  let { points, step_s } = throughput
  while (points.length > MOST_POINTS) {
    points = inPairs(points)
    step_s *= 2
  }
  return { ...throughput, points, step_s }
}

function inPairs(points: readonly number[]): number[] {
  const halved: number[] = []
  for (let i = 0; i < points.length; i += 2) {
    const first = points[i] ?? 0
    halved.push((first + (points[i + 1] ?? first)) / 2)
  }
  return halved
}

/** Corners of a line through the points, for an SVG polyline of this size. */
export function polyline(
  points: readonly number[],
  width: number,
  height: number,
): string {
  if (points.length < 2) return ""
  const most = Math.max(...points) || 1
  const corners = points.map((value, i) => {
    const x = (i / (points.length - 1)) * width
    const y = height - 1 - (value / most) * (height - 2)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  return corners.join(" ")
}

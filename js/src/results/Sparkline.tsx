import { rate } from "./format"
import { polyline } from "./throughput"

const WIDTH = 96
const HEIGHT = 18

interface SparklineProps {
  points: readonly number[]
  isLive: boolean
}

/** Rows a second since the job began. */
export function Sparkline({ points, isLive }: SparklineProps) {
  if (points.length < 3) return null
  const line = polyline(points, WIDTH, HEIGHT)
  const most = Math.max(...points)
  const label = `Throughput: ${isLive ? "now" : "at the end"} ${rate(points.at(-1) ?? 0)} rows/s, most ${rate(most)} rows/s`
  return (
    <svg
      class="ob-sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      <polygon points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
      <polyline points={line} />
    </svg>
  )
}

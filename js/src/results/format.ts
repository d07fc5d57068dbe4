/** Numbers, times and amounts in words. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** Shown where there is nothing to show. */
export const NONE = "–"

export function count(value: number): string {
  return WHOLE.format(value)
}

/** A whole number with its noun: "1 row", "1,234 rows". */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`
}

const COMPACT: readonly [number, string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
]

/** A count in at most five characters: "999", "12.3k", "4.6M". */
export function compact(value: number): string {
  for (const [unit, suffix] of COMPACT) {
    // 999,500 would round to "1000k".
    if (value >= unit * 0.9995) {
      const scaled = value / unit
      return `${scaled.toFixed(scaled < 99.95 ? 1 : 0).replace(/\.0$/, "")}${suffix}`
    }
  }
  return count(value)
}

/** A rate by the second with two to three digits: "0.25", "3.4", "1,250". */
export function rate(value: number | null): string {
  if (value === null) return NONE
  if (value === 0) return "0"
  if (value < 0.01) return "<0.01"
  if (value < 1) return value.toFixed(2)
  if (value < 99.95) return value.toFixed(1).replace(/\.0$/, "")
  return count(value)
}

/** How long something takes: "0.35 s", "12 s", "3 min 20 s", "1 h 5 min", "2 d 4 h". */
export function duration(seconds: number | null): string {
  if (seconds === null) return NONE
  if (seconds < 1) return `${seconds.toFixed(2)} s`
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return paired(Math.floor(whole / 60), "min", whole % 60, "s")
  const minutes = Math.round(whole / 60)
  if (minutes < 1_440) return paired(Math.floor(minutes / 60), "h", minutes % 60, "min")
  const hours = Math.round(whole / 3_600)
  return paired(Math.floor(hours / 24), "d", hours % 24, "h")
}

function paired(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`
}

/** How long something has run, without tenths that would flicker: "0 s", "3 min 20 s". */
export function elapsed(seconds: number): string {
  return seconds < 9.95 ? `${Math.floor(seconds)} s` : duration(seconds)
}

/** Time left, rounded the more the longer it is, so that it does not jump about. */
export function remaining(seconds: number | null): string {
  if (seconds === null) return NONE
  if (seconds < 1) return "1 s"
  if (seconds < 10) return `${Math.ceil(seconds)} s`
  if (seconds < 60) return `${Math.ceil(seconds / 5) * 5} s`
  if (seconds < 600) return duration(Math.ceil(seconds / 10) * 10)
  return duration(Math.ceil(seconds / 60) * 60)
}

/** An amount of money. Only a true zero reads as one. */
export function money(usd: number | null): string {
  if (usd === null) return NONE
  if (usd === 0) return "$0"
  if (usd < 0.0001) return "<$0.0001"
  if (usd < 0.01) return `$${usd.toFixed(4)}`
  if (usd < 1) return `$${usd.toFixed(3)}`
  if (usd < 1_000) return `$${usd.toFixed(2)}`
  return `$${count(usd)}`
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return "0%"
  const share = (part / whole) * 100
  // Neither end is claimed before it is reached.
  if (part > 0 && share < 1) return "<1%"
  if (part < whole && share > 99) return ">99%"
  return `${Math.floor(share)}%`
}

/** When something was, as people say it. Times are in seconds since the epoch. */
export function ago(at: number, now: number): string {
  const seconds = now - at
  if (seconds < 45) return "just now"
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${Math.max(1, minutes)} min ago`
  const then = new Date(at * 1_000)
  const days = daysBetween(then, new Date(now * 1_000))
  const clock = `${two(then.getHours())}:${two(then.getMinutes())}`
  if (days === 0) return `today ${clock}`
  if (days === 1) return `yesterday ${clock}`
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`
}

/** A moment in full, in local time: "2026-11-30 19:24:05". */
export function moment(at: number): string {
  const then = new Date(at * 1_000)
  const day = `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`
  return `${day} ${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`
}

function daysBetween(then: Date, now: Date): number {
  const from = Date.UTC(then.getFullYear(), then.getMonth(), then.getDate())
  const to = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())
  return Math.round((to - from) / 86_400_000)
}

function two(value: number): string {
  return String(value).padStart(2, "0")
}

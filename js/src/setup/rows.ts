/** The choice of rows as one edits it. */

import type { RowChoice } from "../messages"
import { counted } from "../results/format"

export type RowKind = RowChoice["kind"]

export const ROW_KINDS: readonly { kind: Exclude<RowKind, "given">; label: string }[] = [
  { kind: "all", label: "All rows" },
  { kind: "first", label: "First N of each" },
  { kind: "random", label: "Random N of each" },
  { kind: "x_uids", label: "These x_uids" },
]

const DEFAULT_N = 100

/** Another kind of choice that keeps what it has in common with the one before. */
export function ofKind(kind: Exclude<RowKind, "given">, before: RowChoice): RowChoice {
  const n = "n" in before && before.kind !== "given" ? before.n : DEFAULT_N
  switch (kind) {
    case "all":
      return { kind }
    case "first":
      return { kind, n }
    case "random":
      return { kind, n, seed: 0 }
    case "x_uids":
      return { kind, x_uids: "" }
  }
}

/** The whole number that was typed, at least `least`; null if it is none. */
export function wholeNumber(text: string, least: number): number | null {
  const plain = text.replace(/[\s,_]/g, "")
  const value = Number(plain)
  return /^\d+$/.test(plain) && Number.isSafeInteger(value) && value >= least
    ? value
    : null
}

export function rowsInWords(rows: RowChoice): string {
  switch (rows.kind) {
    case "all":
      return "all rows"
    case "first":
      return `first ${counted(rows.n, "row")} of each`
    case "random":
      return `${counted(rows.n, "random row")} of each`
    case "x_uids":
      return "chosen x_uids"
    case "given":
      return rows.job_id === null
        ? `${counted(rows.n, "row")} given in code`
        : `${counted(rows.n, "row")} of ${rows.job_id}`
  }
}

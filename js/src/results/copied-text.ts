/** Rows as text for the clipboard. */

import type { RowDetail } from "../messages"

const FIELDS = [
  "datasource_uid",
  "x_uid",
  "status",
  "finish_reason",
  "prompt",
  "system",
  "response",
  "reference",
  "error_code",
  "error_message",
  "input_tokens",
  "output_tokens",
  "latency_s",
  "attempts",
] as const satisfies readonly (keyof RowDetail)[]

export function rowAsJson(row: RowDetail): string {
  return JSON.stringify(
    Object.fromEntries(FIELDS.map((name) => [name, row[name]])),
    null,
    2,
  )
}

/** Two lines, names above values, as spreadsheets take them. */
export function rowAsTsv(row: RowDetail): string {
  const values = FIELDS.map((name) => tsvField(row[name]))
  return `${FIELDS.join("\t")}\n${values.join("\t")}`
}

function tsvField(value: string | number | null): string {
  if (value === null) return ""
  if (typeof value === "number") return String(value)
  // A spreadsheet runs what begins like a formula.
  const inert = /^[=+\-@]/.test(value) ? `'${value}` : value
  return /["\t\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}

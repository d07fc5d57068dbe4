/** Copying from the results table. */

import { useEffect, useState } from "preact/hooks"
import type { ResultRow, RowDetail } from "../messages"
import { toRpcError } from "../rpc"
import type { PanelState } from "../state"
import { copyText } from "./clipboard"
import type { ColumnId } from "./columns"
import { columnOf } from "./columns"
import { rowAsTsv } from "./copied-text"
import { statusOf } from "./status-words"

const SAID_MS = 2_500

export interface Copy {
  cell: (row: ResultRow, column: ColumnId) => void
  row: (row: ResultRow) => void
  /** What was done, or why not. */
  said: string
  /** A text that the browser did not let us copy. */
  refused: string | null
  dismiss: () => void
}

export function useCopy({ rpc }: PanelState, jobId: string): Copy {
  const [said, setSaid] = useState("")
  const [refused, setRefused] = useState<string | null>(null)
  useEffect(() => {
    if (said === "") return
    const timer = setTimeout(() => setSaid(""), SAID_MS)
    return () => clearTimeout(timer)
  }, [said])

  const copy = async (what: string, text: string | Promise<string>) => {
    try {
      const found = await text
      const isCopied = await copyText(found)
      setSaid(isCopied ? `Copied ${what}.` : "")
      if (!isCopied) setRefused(found)
    } catch (cause) {
      setSaid(`Not copied: ${toRpcError(cause).message}`)
    }
  }
  // Cells hold the beginning of a text; what is copied is all of it.
  const whole = async (row: ResultRow) => {
    const payload = { job_id: jobId, ordinal: row.ordinal }
    return (await rpc.request("row", payload)).payload
  }
  return {
    cell: (row, column) => {
      const { title } = columnOf(column)
      const known = shortCell(row, column)
      const text = known ?? whole(row).then((detail) => longCell(detail, column))
      void copy(`${title} of ${row.x_uid}`, text)
    },
    row: (row) => void copy(row.x_uid, whole(row).then(rowAsTsv)),
    said,
    refused,
    dismiss: () => setRefused(null),
  }
}

function shortCell(row: ResultRow, column: ColumnId): string | null {
  switch (column) {
    case "prompt":
    case "response":
    case "reference":
    case "error":
      return null
    case "status":
      return statusOf(row)
    default:
      return String(row[column] ?? "")
  }
}

function longCell(row: RowDetail, column: ColumnId): string {
  if (column === "error" || (column === "response" && row.status === "failed"))
    return row.error_message ?? row.error_code ?? ""
  if (column === "prompt" || column === "response" || column === "reference")
    return row[column] ?? ""
  return ""
}

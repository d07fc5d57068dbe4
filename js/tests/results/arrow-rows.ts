/** Result rows as the kernel sends them. */

import {
  type DataType,
  float64,
  int32,
  int64,
  tableFromArrays,
  tableToIPC,
  utf8,
} from "@uwdata/flechette"
import type { PromptRow, ResultRow } from "../../src/messages"

export function resultRow(ordinal: number, parts: Partial<ResultRow> = {}): ResultRow {
  return {
    ordinal,
    datasource_uid: 3,
    x_uid: `doc::${ordinal}`,
    status: "succeeded",
    finish_reason: "stop",
    response: `answer ${ordinal}`,
    response_chars: 10,
    error_code: null,
    error_message: null,
    input_tokens: 12,
    output_tokens: 34,
    latency_s: 0.25,
    attempts: 1,
    ...parts,
  }
}

const ROW_TYPES = {
  ordinal: int64(),
  datasource_uid: int64(),
  x_uid: utf8(),
  status: utf8(),
  finish_reason: utf8(),
  response: utf8(),
  response_chars: int64(),
  error_code: utf8(),
  error_message: utf8(),
  input_tokens: int64(),
  output_tokens: int64(),
  latency_s: float64(),
  attempts: int32(),
}

const PROMPT_TYPES = { ordinal: int64(), prompt: utf8(), reference: utf8() }

export function rowsBuffer(rows: readonly ResultRow[]): DataView {
  return bufferOf(rows, ROW_TYPES)
}

export function promptsBuffer(rows: readonly PromptRow[]): DataView {
  return bufferOf(rows, PROMPT_TYPES)
}

function bufferOf<Row extends object>(
  rows: readonly Row[],
  types: Record<keyof Row & string, DataType>,
): DataView {
  const names = Object.keys(types) as (keyof Row & string)[]
  const arrays = Object.fromEntries(
    names.map((name) => [name, rows.map((row) => row[name])]),
  )
  const bytes = tableToIPC(tableFromArrays(arrays, { types, useBigInt: false }), {
    format: "stream",
  })
  if (bytes === null) throw new Error("nothing was encoded")
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

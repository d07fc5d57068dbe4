import { expect, it } from "vitest"
import type { DatasourceItem } from "../../src/messages"
import {
  columnOfRole,
  columnsOf,
  mappingFits,
  templateNames,
  withRole,
} from "../../src/setup/names"

const ROLES = ["instruction", "context", "response"].map((name) => ({ name, help: "" }))

function source(uid: number, ...columns: string[]): DatasourceItem {
  return {
    uid,
    name: `source ${uid}`,
    n_rows: 1,
    n_columns: columns.length,
    columns: columns.map((name) => ({ name, type: "string" })),
    created_at: 0,
  }
}

it("gives columns called like a role that role by default", () => {
  const mapped = columnOfRole(
    { column_mappings: null },
    ROLES,
    new Set(["instruction", "question"]),
  )

  expect([...mapped]).toEqual([["instruction", "instruction"]])
})

it("takes a role from the column that had it, and a column from its other role", () => {
  const mapped = new Map([
    ["instruction", "question"],
    ["context", "text"],
  ])

  expect(withRole(mapped, "instruction", "text")).toEqual({ text: "instruction" })
  expect(withRole(mapped, "context", null)).toEqual({ question: "instruction" })
})

it("fits if the instruction has a column and every column is there", () => {
  const columns = new Set(["question"])

  expect(mappingFits(new Map([["instruction", "question"]]), columns)).toBe(true)
  expect(mappingFits(new Map([["context", "question"]]), columns)).toBe(false)
  expect(mappingFits(new Map([["instruction", "gone"]]), columns)).toBe(false)
})

it("names roles before columns and tells what some datasources lack", () => {
  const sources = [source(1, "question", "id"), source(2, "question", "extra")]

  const names = templateNames(new Map([["instruction", "question"]]), sources)

  expect(names.map(({ name, isRole, everywhere }) => [name, isRole, everywhere])).toEqual(
    [
      ["instruction", true, true],
      ["question", false, true],
      ["id", false, false],
      ["extra", false, false],
    ],
  )
  expect([...columnsOf(sources).keys()]).toEqual(["question", "id", "extra"])
})

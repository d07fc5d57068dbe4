/** Names that a template can use: roles that have a column, then columns. */

import type { DatasourceItem, Draft, RoleItem } from "../messages"

export interface TemplateName {
  name: string
  /** Column behind a role, or type of a column. */
  detail: string
  isRole: boolean
  /** False if some of the chosen datasources lack it. */
  everywhere: boolean
}

/** Role -> column: as mapped, or by default the column called like the role. */
export function columnOfRole(
  draft: Pick<Draft, "column_mappings">,
  roles: readonly RoleItem[],
  columns: ReadonlySet<string>,
): Map<string, string> {
  const mapped = new Map<string, string>()
  if (draft.column_mappings === null) {
    for (const { name } of roles) if (columns.has(name)) mapped.set(name, name)
  } else {
    for (const [column, role] of Object.entries(draft.column_mappings))
      mapped.set(role, column)
  }
  return mapped
}

/** The mapping with another column for a role; a column has one role, a role one column. */
export function withRole(
  mapped: ReadonlyMap<string, string>,
  role: string,
  column: string | null,
): Record<string, string> {
  const entries = [...mapped]
    .filter(([other, its]) => other !== role && its !== column)
    .map(([other, its]): [string, string] => [its, other])
  if (column !== null) entries.push([column, role])
  return Object.fromEntries(entries)
}

export function columnsOf(sources: readonly DatasourceItem[]): Map<string, string> {
  const columns = new Map<string, string>()
  for (const source of sources)
    for (const { name, type } of source.columns)
      if (!columns.has(name)) columns.set(name, type)
  return columns
}

/** Tells whether a mapping has columns that are there, and one for the instruction. */
export function mappingFits(
  mapped: ReadonlyMap<string, string>,
  columns: ReadonlySet<string>,
): boolean {
  return (
    mapped.has("instruction") && [...mapped.values()].every((each) => columns.has(each))
  )
}

export function templateNames(
  mapped: ReadonlyMap<string, string>,
  sources: readonly DatasourceItem[],
): TemplateName[] {
  const columns = columnsOf(sources)
  const isEverywhere = (column: string) =>
    sources.every((source) => source.columns.some(({ name }) => name === column))
  const roles = [...mapped]
    .filter(([, column]) => columns.has(column))
    .map(([name, column]) => ({
      name,
      detail: column,
      isRole: true,
      everywhere: isEverywhere(column),
    }))
  const others = [...columns]
    .filter(([column]) => !mapped.has(column))
    .map(([name, type]) => ({
      name,
      detail: type,
      isRole: false,
      everywhere: isEverywhere(name),
    }))
  return [...roles, ...others]
}

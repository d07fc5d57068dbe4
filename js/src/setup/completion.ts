/** Which name is being typed at the caret, and what it may become. */

import type { TemplateName } from "./names"

export interface Completion {
  /** Where the brace stands. */
  start: number
  /** Where the typed part of the name ends: at the caret, or behind the rest of the name. */
  end: number
  options: TemplateName[]
}

const MOST_OPTIONS = 50

export function completionAt(
  text: string,
  caret: number,
  names: readonly TemplateName[],
): Completion | null {
  const before = text.slice(0, caret)
  const start = before.lastIndexOf("{")
  if (start < 0 || isLiteral(before, start)) return null
  const typed = before.slice(start + 1)
  if (/[{}\n]/.test(typed)) return null
  const rest = /^[^{}\n]*\}/.exec(text.slice(caret))
  const wanted = typed.trimStart().toLowerCase()
  const starts = names.filter(({ name }) => name.toLowerCase().startsWith(wanted))
  const holds = names.filter(({ name }) => name.toLowerCase().includes(wanted))
  const options = [...new Set([...starts, ...holds])].slice(0, MOST_OPTIONS)
  if (options.length === 0) return null
  return { start, end: rest === null ? caret : caret + rest[0].length, options }
}

/** True for the second brace of a pair, which opens no name. */
function isLiteral(before: string, at: number): boolean {
  let first = at
  while (first > 0 && before[first - 1] === "{") first -= 1
  return (at - first) % 2 === 1
}
